/** Makes the action of a verb that loads its code when it is called, so that help, completion and refusals stay fast. */
export const lazy =
  <A extends readonly unknown[]>(load: () => Promise<(...given: A) => void | Promise<void>>) =>
  async (...given: A): Promise<void> =>
    (await load())(...given);
