import type { Command } from 'commander';
import { later } from '../later.ts';
import { withSettings } from '../options.ts';

/** Adds `start`. */
export function startVerb(program: Command): void {
  withSettings(
    program
      .command('start')
      .description('runs the fleet, or some services of it, until SIGTERM; logs are JSON')
      .argument('[service...]', 'which run in this process, `gateway` for the gateway; default all')
      .option('-f, --fleet <file>', 'the fleet file')
      .option('--each', 'runs each service and the gateway in a process of its own on this machine, and again when it dies'),
    ['dir', 'port', 'host', 'ports', 'operations', 'addresses', 'drain', 'grace', 'logLevel'],
  ).action(later(async () => (await import('../start.ts')).start));
}
