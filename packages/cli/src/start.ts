import { runtime } from 'seaworthy/core';
import { type Environment, type Launch, launch, type StartOptions } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { locate } from './fleet-file.ts';
import { load } from './load.ts';
import type { Given } from './options.ts';
import { known } from './services.ts';
import { inWordsOfTheCommand, settings, told } from './settings.ts';
import { stopAsked } from './signals.ts';

/** The runtime and the metrics of the fleet file, or else JSON logs and metrics of our own. */
function reporting({ options = {} }: Launch, level: Environment['logLevel']): Required<Pick<StartOptions, 'runtime' | 'exposition'>> {
  const own = telemetry({ level });
  // A runtime that reports elsewhere feeds no metrics of ours.
  if (options.runtime) return { runtime: options.runtime, exposition: options.exposition ?? (() => '') };
  return { runtime: runtime({ observe: own.observe }), exposition: options.exposition ?? own.exposition };
}

/** Runs a fleet, or some services of it, until it is asked to stop. */
export async function start(names: readonly string[], { fleet: file, ...given }: Given & { readonly fleet?: string }): Promise<void> {
  // From the beginning: who is asked to stop while it starts stops once it has started.
  const asked = stopAsked();
  const said = told(given, names);
  const found = await load(locate(file));
  const { logLevel, ...options } = settings(said, found.options);
  const only = options.only ?? [];
  known(found, only);
  const { runtime: machine, exposition } = reporting(found, logLevel);
  const { observe } = machine;
  const running = await inWordsOfTheCommand(() => launch(found, { ...options, runtime: machine, exposition }));
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
