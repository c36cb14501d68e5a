import { SeaworthyError } from 'seaworthy/core';
import { type Environment, EnvironmentInvalid, environment, type StartOptions } from 'seaworthy/fleet';
import { UsageInvalid } from './errors.ts';
import { type Given, type Setting, variables } from './options.ts';

/** The settings that the options of the command and the environment give, without defaults. */
export type GivenSettings = Readonly<Partial<Environment>>;

const keys = Object.keys(variables) as Setting[];

/** Reads the settings from options and environment; options override. Throws `UsageInvalid`, which names the option or the variable. */
export function givenSettings(given: Given, only: readonly string[] = []): GivenSettings {
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

/** Merges the settings: given ones override those of the fleet file, and these override the defaults. */
export function settings(said: GivenSettings, file: StartOptions = {}): Environment {
  const written = ([...keys, 'only'] as const).filter((key) => file[key] !== undefined);
  return { ...environment({}), ...Object.fromEntries(written.map((key) => [key, file[key]])), ...said };
}

/** The names of the options in the errors of `start`, and the flags of the command that stand for them; longer names come first. */
const flags: readonly (readonly [RegExp, string])[] = [
  [/add it to `only` or to `addresses`/g, 'name it too, or give its address with --addresses'],
  [/`SEAWORTHY_PORTS`, or the option `ports`/g, '--ports'],
  [/`SEAWORTHY_OPERATIONS`, or the option `operations`/g, '--operations'],
  [/`PORT`, or the option `port`/g, '--port'],
  [/\b(addresses|ports)(?= names |\.[a-z])/g, '--$1'],
];

/** Runs `work`, and names the flags of the command in its errors. */
export async function withFlagsInErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SeaworthyError)
      error.message = flags.reduce((text, [option, flag]) => text.replaceAll(option, flag), error.message);
    throw error;
  }
}
