import type { Command } from 'commander';
import { runtime } from 'seaworthy/core';
import { launch } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { UsageInvalid } from '../errors.ts';
import { load, locate } from '../fleet-file.ts';
import { type Given, settings, withSettings } from '../settings.ts';
import { stopAsked } from '../signals.ts';
import { chosen } from '../stores.ts';

async function start(names: readonly string[], { fleet: file, ...given }: Given & { readonly fleet?: string }): Promise<void> {
  // From the beginning: who is asked to stop while it starts stops once it has started.
  const asked = stopAsked();
  const { logLevel, ...options } = settings(given, names);
  const found = await load(locate(file));
  const only = options.only ?? [];
  if (only.includes('gateway') && !found.fleet.gateway) throw new UsageInvalid('the fleet has no gateway: start services of it by name');
  const services = only.filter((name) => name !== 'gateway');
  chosen(found, services);
  const { observe, exposition } = telemetry({ level: logLevel });
  const running = await launch(found, { ...options, runtime: runtime({ observe }), exposition });
  observe.log('info', only.length > 0 ? `${only.join(' and ')} run here` : 'the fleet runs', {
    ...(running.url !== undefined && { url: running.url }),
    ...(Object.keys(running.urls).length > 0 && { services: running.urls }),
  });
  observe.log('info', `${await asked}: it stops`);
  await running.stop();
  observe.log('info', 'it has stopped');
  // What the fleet file itself left open does not keep a stopped fleet alive.
  process.stdout.write('', () => process.exit(0));
}

/** Adds `start`. */
export function startVerb(program: Command): void {
  withSettings(
    program
      .command('start')
      .description('runs the fleet, or some services of it, until SIGTERM; logs are JSON')
      .argument('[service...]', 'which run in this process, `gateway` for the gateway; default all')
      .option('-f, --fleet <file>', 'the fleet file'),
    ['dir', 'port', 'host', 'ports', 'addresses', 'drain', 'grace', 'logLevel'],
  ).action(start);
}
