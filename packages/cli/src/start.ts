import { runtime } from 'seaworthy/core';
import { type Environment, type Launch, launch, type StartOptions } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { readyMessage, startEach } from './each.ts';
import { UsageInvalid } from './errors.ts';
import { locate } from './fleet-file.ts';
import { load } from './load.ts';
import type { Given } from './options.ts';
import { requireKnown } from './services.ts';
import { givenSettings, settings, withFlagsInErrors } from './settings.ts';
import { stopAsked } from './signals.ts';

/** Returns the runtime and the metrics of the fleet file, or else the command's own: JSON logs and Prometheus metrics. */
function reporting({ options = {} }: Launch, level: Environment['logLevel']): Required<Pick<StartOptions, 'runtime' | 'exposition'>> {
  const own = telemetry({ level });
  // A runtime of the fleet file reports elsewhere, so that the command's own metrics would stay empty.
  if (options.runtime) return { runtime: options.runtime, exposition: options.exposition ?? (() => '') };
  return { runtime: runtime({ observe: own.observe }), exposition: options.exposition ?? own.exposition };
}

/** Resolves when the parent process has ended. */
const abandoned = (): Promise<string> =>
  new Promise((resolve) => {
    process.once('disconnect', () => resolve('the parent process has ended'));
    // The channel alone must not keep a process alive whose start failed.
    process.channel?.unref();
  });

/** Runs a fleet, or some of its services, until it is asked to stop. */
export async function start(
  names: readonly string[],
  { fleet: file, each = false, ...given }: Given & { readonly fleet?: string; readonly each?: boolean },
): Promise<void> {
  if (each && names.length > 0)
    throw new UsageInvalid(`--each starts all services, each in its own process: leave out ${names.join(', ')}`);
  // A request to stop that arrives during the start takes effect once the start is done.
  const asked = Promise.race([stopAsked(), ...(process.channel ? [abandoned()] : [])]);
  const said = givenSettings(given, names);
  const path = locate(file);
  const found = await load(path);
  if (each) {
    const env = settings(said, found.options);
    const { observe } = reporting(found, env.logLevel).runtime;
    return startEach(found, path, env, { asked, log: observe.log });
  }
  const { logLevel, ...options } = settings(said, found.options);
  const only = options.only ?? [];
  requireKnown(found, only);
  const { runtime: machine, exposition } = reporting(found, logLevel);
  const { observe } = machine;
  const running = await withFlagsInErrors(() => launch(found, { ...options, runtime: machine, exposition }));
  observe.log('info', only.length > 0 ? `running ${only.join(', ')}` : 'the fleet is running', {
    ...(running.url !== undefined && { url: running.url }),
    ...(running.operationsUrl !== undefined && { operations: running.operationsUrl }),
    ...(Object.keys(running.urls).length > 0 && { services: running.urls }),
  });
  process.send?.(readyMessage, () => {});
  observe.log('info', `stopping: ${await asked}`);
  await running.stop();
  observe.log('info', 'stopped');
  // Handles that the fleet file left open must not keep the process alive.
  process.stdout.write('', () => process.exit(0));
}
