import { runtime } from 'seaworthy/core';
import { launch } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { UsageInvalid } from './errors.ts';
import { locate } from './fleet-file.ts';
import { load } from './load.ts';
import type { Given } from './options.ts';
import { chosen } from './services.ts';
import { settings } from './settings.ts';
import { stopAsked } from './signals.ts';

/** Runs a fleet, or some services of it, until it is asked to stop. */
export async function start(names: readonly string[], { fleet: file, ...given }: Given & { readonly fleet?: string }): Promise<void> {
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
