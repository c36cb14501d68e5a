import type { Command } from 'commander';

/** Options that stand for variables of the environment, and go before them. */
export const variables = {
  dir: ['SEAWORTHY_DIR', '--dir <folder>', 'where the embedded databases live (default .seaworthy)'],
  port: ['PORT', '--port <port>', 'of the gateway; 0 takes any free one (default 8080)'],
  host: ['HOST', '--host <address>', 'to listen on (default 127.0.0.1)'],
  ports: ['SEAWORTHY_PORTS', '--ports <ports>', 'each service listens too: 1, or orders=7101,payments=7102'],
  operations: ['SEAWORTHY_OPERATIONS', '--operations <port>', 'metrics, documents and health apart: 9090, or 10.0.0.1:9090'],
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

/** Adds the options of a verb that looks into the databases of services. */
export const ofStores = (command: Command): Command =>
  withSettings(command.option('-f, --fleet <file>', 'the fleet file').option('--service <name>', 'of one service'), ['dir']).option(
    '--json',
    'as JSON',
  );
