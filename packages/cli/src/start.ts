import { runtime } from 'seaworthy/core';
import { type Environment, type Launch, launch, type StartOptions } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { readyMessage, startEach } from './each.ts';
import { UsageInvalid } from './errors.ts';
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

/** Resolves when the process that watches over this one is gone. */
const abandoned = (): Promise<string> =>
  new Promise((resolve) => {
    process.once('disconnect', () => resolve('the end of the process that watches'));
    // A process that could not start has nothing else to do, and ends.
    process.channel?.unref();
  });

/** Runs a fleet, or some services of it, until it is asked to stop. */
export async function start(
  names: readonly string[],
  { fleet: file, each = false, ...given }: Given & { readonly fleet?: string; readonly each?: boolean },
): Promise<void> {
  if (each && names.length > 0)
    throw new UsageInvalid(`--each starts all services, each in its own process: leave out ${names.join(', ')}`);
  // From the beginning: who is asked to stop while it starts stops once it has started.
  const asked = Promise.race([stopAsked(), ...(process.channel ? [abandoned()] : [])]);
  const said = told(given, names);
  const path = locate(file);
  const found = await load(path);
  if (each) {
    const env = settings(said, found.options);
    const { observe } = reporting(found, env.logLevel).runtime;
    return startEach(found, path, env, { asked, log: observe.log });
  }
  const { logLevel, ...options } = settings(said, found.options);
  const only = options.only ?? [];
  known(found, only);
  const { runtime: machine, exposition } = reporting(found, logLevel);
  const { observe } = machine;
  const running = await inWordsOfTheCommand(() => launch(found, { ...options, runtime: machine, exposition }));
  observe.log('info', only.length > 0 ? `${only.join(' and ')} run here` : 'the fleet runs', {
    ...(running.url !== undefined && { url: running.url }),
    ...(running.operationsUrl !== undefined && { operations: running.operationsUrl }),
    ...(Object.keys(running.urls).length > 0 && { services: running.urls }),
  });
  process.send?.(readyMessage, () => {});
  observe.log('info', `${await asked}: it stops`);
  await running.stop();
  observe.log('info', 'it has stopped');
  // What the fleet file itself left open does not keep a stopped fleet alive.
  process.stdout.write('', () => process.exit(0));
}
