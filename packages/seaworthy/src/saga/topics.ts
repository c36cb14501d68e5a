/** Each commit by which an instance of another process is to be stopped, hurried or continued notifies the engines on this topic. */
export const sagaTopic = 'seaworthy/saga';
