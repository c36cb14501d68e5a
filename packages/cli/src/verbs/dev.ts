import type { Command } from 'commander';
import { runForPerson } from '../dev/child.ts';
import { supervise } from '../dev/supervise.ts';
import { locate } from '../fleet-file.ts';
import { type Given, settings, withSettings } from '../settings.ts';

async function dev(file: string | undefined, given: Given): Promise<void> {
  const path = locate(file);
  const { port, host, dir, drain, logLevel } = settings({ drain: '2s', ...given });
  await supervise(path, {
    ...process.env,
    ...{ PORT: String(port), HOST: host, SEAWORTHY_DIR: dir, SEAWORTHY_DRAIN: String(drain), LOG_LEVEL: logLevel },
    ...(given.ports !== undefined && { SEAWORTHY_PORTS: given.ports }),
  });
}

/** Adds `dev`, and the hidden verb that its child process runs. */
export function devVerbs(program: Command): void {
  withSettings(
    program
      .command('dev')
      .description('runs the whole fleet in one process, and again whenever a source file changes; state is kept')
      .argument('[fleet]', 'the fleet file'),
    ['dir', 'port', 'host', 'ports', 'logLevel'],
  ).action(dev);
  program.command('dev-child', { hidden: true }).argument('<fleet>').action(runForPerson);
}
