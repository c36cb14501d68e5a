import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** Ends the program with 2 because of an invalid option. */
function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** Reads the options of the command line. An invalid option is printed and ends the program with 2. */
export function chosen<const O extends ParseArgsOptionsConfig>(options: O): ReturnType<typeof parseArgs<{ options: O }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(
      `${(error as Error).message}; the options are ${Object.keys(options)
        .map((name) => `--${name}`)
        .join(', ')}`,
    );
  }
}

/** Reads a number. Anything else than a whole number is printed and ends the program with 2. */
export function whole(name: string, text: string): number {
  return /^\d{1,9}$/.test(text)
    ? Number(text)
    : refuse(`--${name} must be a whole number from 0 to 999999999, got ${JSON.stringify(text)}`);
}

/** Reads one of a few words. Anything else is printed and ends the program with 2. */
export function oneOf<const W extends string>(name: string, text: string, words: readonly W[]): W {
  return words.find((word) => word === text) ?? refuse(`--${name} must be ${words.join(' or ')}, got ${JSON.stringify(text)}`);
}
