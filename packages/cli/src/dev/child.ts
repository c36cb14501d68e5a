import { statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { runtime } from 'seaworthy/core';
import { launch } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { load } from '../load.ts';
import { nameOf } from '../services.ts';
import { inWordsOfTheCommand, settings, told } from '../settings.ts';
import { stopAsked } from '../signals.ts';
import { print } from '../terminal.ts';
import { type FromChild, stopMessage } from './messages.ts';
import { overview } from './overview.ts';
import { printing } from './printer.ts';

const tell = (message: FromChild): void => void process.send?.(message, () => {});

/** Tells which files are loaded, those of packages left out. */
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

/** Runs the fleet for a person who watches, until it is told to stop or its parent is gone. */
export async function runForPerson(file: string): Promise<void> {
  try {
    await runUntilAsked(file);
  } catch (error) {
    // A channel that is listened to would keep a process alive that has nothing to do.
    process.disconnect?.();
    throw error;
  }
}

async function runUntilAsked(file: string): Promise<void> {
  // Who is told where an error comes from looks for frames of his own: by default those of the toolkit may be all that are kept.
  Error.stackTraceLimit = 50;
  const asked = Promise.race([
    stopAsked(),
    new Promise<unknown>((resolve) => process.on('message', (message) => message === stopMessage && resolve(message))),
    new Promise<unknown>((resolve) => process.on('disconnect', () => resolve(undefined))),
  ]);
  reportLoads();
  const said = told({});
  const found = await load(file);
  const given = found.options ?? {};
  const { logLevel, ...options } = settings(said, given);
  const counted = telemetry({ level: 'silent' });
  const names = found.fleet.services.map(nameOf);
  const observe = printing({ names, level: logLevel, beside: given.runtime?.observe ?? counted.observe });
  const running = await inWordsOfTheCommand(() =>
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
