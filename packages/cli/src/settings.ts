import { SeaworthyError } from 'seaworthy/core';
import { type Environment, EnvironmentInvalid, environment, type StartOptions } from 'seaworthy/fleet';
import { UsageInvalid } from './errors.ts';
import { type Given, type Setting, variables } from './options.ts';

type Key = Setting | 'only';

/** The settings that the options of the command and the environment give, without defaults. */
export type GivenSettings = ReadonlyMap<Key, unknown>;

/** The path of each setting among the options of `start`. */
const paths: Readonly<Record<Key, readonly string[]>> = {
  port: ['listen', 'port'],
  host: ['listen', 'host'],
  ports: ['listen', 'services'],
  operations: ['listen', 'operations'],
  drain: ['shutdown', 'drain'],
  grace: ['shutdown', 'grace'],
  dir: ['dir'],
  only: ['only'],
  addresses: ['addresses'],
  logLevel: ['logLevel'],
};
const keys = Object.keys(paths) as Key[];
const settingOf = (key: Key, options: object): unknown =>
  paths[key].reduce<unknown>((within, name) => (within as Record<string, unknown> | undefined)?.[name], options);

/** Reads the settings from options and environment; options override. Throws `UsageInvalid`, which names the option or the variable. */
export function givenSettings(given: Given, only: readonly string[] = []): GivenSettings {
  const env: Record<string, string | undefined> = { ...process.env };
  if (only.length > 0) env['SEAWORTHY_ONLY'] = only.join(',');
  const flagged = (Object.keys(variables) as Setting[]).filter((key) => given[key] !== undefined);
  for (const key of flagged) env[variables[key][0]] = given[key];
  try {
    const all = environment(env);
    const variableOf = (key: Key): string => (key === 'only' ? 'SEAWORTHY_ONLY' : variables[key][0]);
    return new Map(keys.filter((key) => (env[variableOf(key)] ?? '') !== '').map((key) => [key, settingOf(key, all)]));
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
  const defaults = environment({});
  const value = (key: Key): unknown => said.get(key) ?? settingOf(key, file) ?? settingOf(key, defaults);
  return {
    listen: { port: value('port'), host: value('host'), services: value('ports'), operations: value('operations') },
    shutdown: { drain: value('drain'), grace: value('grace') },
    dir: value('dir'),
    only: value('only'),
    addresses: value('addresses'),
    logLevel: value('logLevel'),
  } as Environment;
}

/** The names of the options in the errors of `start`, and the flags of the command that stand for them; longer names come first. */
const flags: readonly (readonly [RegExp, string])[] = [
  [/add it to `only` or to `addresses`/g, 'name it too, or give its address with --addresses'],
  [/`SEAWORTHY_PORTS`, or the option `listen\.services`/g, '--ports'],
  [/`SEAWORTHY_OPERATIONS`, or the option `listen\.operations`/g, '--operations'],
  [/`PORT`, or the option `listen\.port`/g, '--port'],
  [/\blisten\.services(?= names |\.[a-z])/g, '--ports'],
  [/\blisten\.operations\.port\b/g, '--operations'],
  [/\blisten\.port\b/g, '--port'],
  [/\baddresses(?= names |\.[a-z])/g, '--addresses'],
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
