import type { Command } from 'commander';

/** The options that override variables of the environment. */
export const variables = {
  dir: ['SEAWORTHY_DIR', '--dir <folder>', 'folder of the embedded databases (default .seaworthy)'],
  port: ['PORT', '--port <port>', 'port of the gateway; 0 picks a free one (default 8080)'],
  host: ['HOST', '--host <address>', 'address to listen on (default 127.0.0.1)'],
  ports: ['SEAWORTHY_PORTS', '--ports <ports>', 'lets the services listen too: 1 for free ports, or orders=7101,payments=7102'],
  operations: ['SEAWORTHY_OPERATIONS', '--operations <port>', 'separate port for metrics, documents and health: 9090, or 10.0.0.1:9090'],
  addresses: ['SEAWORTHY_ADDRESSES', '--addresses <urls>', 'services in other processes: orders=http://a:7101|http://b:7101'],
  drain: ['SEAWORTHY_DRAIN', '--drain <duration>', 'longest time for a stop (default 10s)'],
  grace: ['SEAWORTHY_GRACE', '--grace <duration>', 'time to serve on as unready before a stop (default 0s)'],
  logLevel: ['LOG_LEVEL', '--log-level <level>', 'debug, info, warn, error or silent (default info)'],
} as const;

export type Setting = keyof typeof variables;
export type Given = Readonly<Partial<Record<Setting, string>>>;

/** Adds options to a verb, each with its variable of the environment in brackets. */
export function withSettings(command: Command, settings: readonly Setting[]): Command {
  for (const name of settings) {
    const [variable, flags, description] = variables[name];
    command.option(flags, `${description} [${variable}]`);
  }
  return command;
}

/** Adds the options of a verb that reads the databases of services. */
export const ofStores = (command: Command): Command =>
  withSettings(command.option('-f, --fleet <file>', 'the fleet file').option('--service <name>', 'only this service'), ['dir']).option(
    '--json',
    'prints JSON',
  );
