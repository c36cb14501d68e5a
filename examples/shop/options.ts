import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** Ends the program, which was asked for what it does not have. */
function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** What the command line chooses of `options`. What is wrong there is told, and ends the program with 2. */
export function chosen<const O extends ParseArgsOptionsConfig>(options: O): ReturnType<typeof parseArgs<{ options: O }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(
      `${(error as Error).message}; there are ${Object.keys(options)
        .map((name) => `--${name}`)
        .join(', ')}`,
    );
  }
}

/** An option that counts. What is no whole number is told, and ends the program with 2. */
export function whole(name: string, text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : refuse(`--${name} is ${JSON.stringify(text)}: it takes a whole number`);
}
