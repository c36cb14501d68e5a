import { SeaworthyError } from 'seaworthy/core';
import { type Environment, EnvironmentInvalid, environment, type StartOptions } from 'seaworthy/fleet';
import { UsageInvalid } from './errors.ts';
import { type Given, type Setting, variables } from './options.ts';

/** What the options of the command and the environment say, and no defaults. */
export type Told = Readonly<Partial<Environment>>;

const keys = Object.keys(variables) as Setting[];

/** Reads the environment, with the options before it. Throws `UsageInvalid`, which names what is wrong as it was given. */
export function told(given: Given, only: readonly string[] = []): Told {
  const env: Record<string, string | undefined> = { ...process.env };
  if (only.length > 0) env['SEAWORTHY_ONLY'] = only.join(',');
  const flagged = keys.filter((key) => given[key] !== undefined);
  for (const key of flagged) env[variables[key][0]] = given[key];
  try {
    const all = environment(env);
    const variableOf = (key: keyof Environment): string => (key === 'only' ? 'SEAWORTHY_ONLY' : variables[key][0]);
    const said = ([...keys, 'only'] as const).filter((key) => (env[variableOf(key)] ?? '') !== '');
    return Object.fromEntries(said.map((key) => [key, all[key]]));
  } catch (cause) {
    if (!(cause instanceof EnvironmentInvalid)) throw cause;
    const message = flagged.reduce((text, key) => {
      const [variable, flags] = variables[key];
      return text.replaceAll(new RegExp(`\\b${variable}\\b`, 'g'), flags.split(' ')[0] as string);
    }, cause.message);
    throw new UsageInvalid(message, { cause });
  }
}

/** What was told goes before what the fleet file says, and that before the defaults of the environment. */
export function settings(said: Told, file: StartOptions = {}): Environment {
  const written = ([...keys, 'only'] as const).filter((key) => file[key] !== undefined);
  return { ...environment({}), ...Object.fromEntries(written.map((key) => [key, file[key]])), ...said };
}

/** What `start` of the toolkit calls its options, as the command calls them; the longer names first. */
const flags: readonly (readonly [RegExp, string])[] = [
  [/add it to `only` or to `addresses`/g, 'name it too, or say where it is with --addresses'],
  [/`SEAWORTHY_PORTS`, or the option `ports`/g, '--ports'],
  [/`SEAWORTHY_OPERATIONS`, or the option `operations`/g, '--operations'],
  [/`PORT`, or the option `port`/g, '--port'],
  [/\b(addresses|ports)(?= names |\.[a-z])/g, '--$1'],
];

/** Whatever `work` refuses is said with the flags of the command. */
export async function inWordsOfTheCommand<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SeaworthyError)
      error.message = flags.reduce((text, [option, flag]) => text.replaceAll(option, flag), error.message);
    throw error;
  }
}
