import type { Command } from 'commander';
import { lazy } from '../lazy.ts';
import { withSettings } from '../options.ts';

/** Adds the verb `start`. */
export function startVerb(program: Command): void {
  withSettings(
    program
      .command('start')
      .description('runs the fleet, or some of its services, until SIGTERM; logs are JSON')
      .argument('[service...]', 'the services to run in this process, `gateway` for the gateway; default all')
      .option('-f, --fleet <file>', 'the fleet file')
      .option('--each', 'runs each service and the gateway in its own process on this machine, and restarts one that dies'),
    ['dir', 'port', 'host', 'ports', 'operations', 'addresses', 'drain', 'grace', 'logLevel'],
  ).action(lazy(async () => (await import('../start.ts')).start));
}
