/** The name of the file beside the fleet file that keeps the released contracts. */
export const lockName = 'contract.lock.json';
