/** What a verb does, loaded when it is called: whoever describes, completes or refuses it need not wait for that. */
export const later =
  <A extends readonly unknown[]>(load: () => Promise<(...given: A) => void | Promise<void>>) =>
  async (...given: A): Promise<void> =>
    (await load())(...given);
