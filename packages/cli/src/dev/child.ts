import { statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { runtime } from 'seaworthy/core';
import { launch } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { load } from '../load.ts';
import { nameOf } from '../services.ts';
import { givenSettings, settings, withFlagsInErrors } from '../settings.ts';
import { stopAsked } from '../signals.ts';
import { print } from '../terminal.ts';
import { type FromChild, stopMessage } from './messages.ts';
import { overview } from './overview.ts';
import { printing } from './printer.ts';

const tell = (message: FromChild): void => void process.send?.(message, () => {});

/** Reports each file that is loaded, except those of packages. */
function reportLoads(): void {
  registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:') && !url.includes('/node_modules/')) {
        const path = fileURLToPath(url);
        const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
        if (mtimeMs !== undefined) tell({ kind: 'loaded', path, mtimeMs });
      }
      return next(url, context);
    },
  });
}

/** Runs the fleet and prints what it does, until it is givenSettings to stop or its parent has ended. */
export async function runAsChild(file: string): Promise<void> {
  try {
    await runUntilAsked(file);
  } catch (error) {
    // An open channel to the parent would keep the process alive.
    process.disconnect?.();
    throw error;
  }
}

async function runUntilAsked(file: string): Promise<void> {
  // Errors are shown with a location in the user's files; the default ten frames may all be frames of the toolkit.
  Error.stackTraceLimit = 50;
  const asked = Promise.race([
    stopAsked(),
    new Promise<unknown>((resolve) => process.on('message', (message) => message === stopMessage && resolve(message))),
    new Promise<unknown>((resolve) => process.on('disconnect', () => resolve(undefined))),
  ]);
  reportLoads();
  const said = givenSettings({});
  const found = await load(file);
  const given = found.options ?? {};
  const { logLevel, ...options } = settings(said, given);
  const counted = telemetry({ level: 'silent' });
  const names = found.fleet.services.map(nameOf);
  const observe = printing({ names, level: logLevel, beside: given.runtime?.observe ?? counted.observe });
  const running = await withFlagsInErrors(() =>
    launch(found, {
      ...options,
      runtime: runtime({ ...given.runtime, observe }),
      exposition: given.exposition ?? (given.runtime ? () => '' : counted.exposition),
    }),
  );
  for (const line of overview(found, running, options.dir)) print(line);
  if (running.url !== undefined) tell({ kind: 'listening', port: Number(new URL(running.url).port) });
  await asked;
  await running.stop();
  process.stdout.write('', () => process.exit(0));
}
