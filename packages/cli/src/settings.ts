import type { Command } from 'commander';
import { type Environment, EnvironmentInvalid, environment } from 'seaworthy/fleet';
import { UsageInvalid } from './errors.ts';

/** Options that stand for variables of the environment, and go before them. */
const variables = {
  dir: ['SEAWORTHY_DIR', '--dir <folder>', 'where the embedded databases live (default .seaworthy)'],
  port: ['PORT', '--port <port>', 'of the gateway; 0 takes any free one (default 8080)'],
  host: ['HOST', '--host <address>', 'to listen on (default 127.0.0.1)'],
  ports: ['SEAWORTHY_PORTS', '--ports <ports>', 'each service listens too: 1, or orders=7101,payments=7102'],
  addresses: ['SEAWORTHY_ADDRESSES', '--addresses <urls>', 'where the rest is found: orders=http://a:7101|http://b:7101'],
  drain: ['SEAWORTHY_DRAIN', '--drain <duration>', 'how long a stop may take (default 10s)'],
  grace: ['SEAWORTHY_GRACE', '--grace <duration>', 'how long it serves on while it says that it is unready (default 0s)'],
  logLevel: ['LOG_LEVEL', '--log-level <level>', 'debug, info, warn, error or silent (default info)'],
} as const;

export type Setting = keyof typeof variables;
export type Given = Readonly<Partial<Record<Setting, string>>>;

/** Adds the options to a verb. */
export function withSettings(command: Command, settings: readonly Setting[]): Command {
  for (const name of settings) {
    const [variable, flags, description] = variables[name];
    command.option(flags, `${description}; also ${variable}`);
  }
  return command;
}

/** The environment with the options before it. Throws `UsageInvalid`, which names what is wrong as it was given. */
export function settings(given: Given, only?: readonly string[]): Environment {
  const env: Record<string, string | undefined> = { ...process.env };
  if (only && only.length > 0) env['SEAWORTHY_ONLY'] = only.join(',');
  const names = Object.keys(variables) as Setting[];
  const told = names.filter((name) => given[name] !== undefined);
  for (const name of told) env[variables[name][0]] = given[name];
  try {
    return environment(env);
  } catch (cause) {
    if (!(cause instanceof EnvironmentInvalid)) throw cause;
    const message = told.reduce((text, name) => {
      const [variable, flags] = variables[name];
      return text.replaceAll(new RegExp(`\\b${variable}\\b`, 'g'), flags.split(' ')[0] as string);
    }, cause.message);
    throw new UsageInvalid(message, { cause });
  }
}
