import { runtime, SeaworthyError } from 'seaworthy/core';
import { environment, launch } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { crashAt } from 'seaworthy/testing';
import shop from './fleet.ts';

/** Starts the card processor and then the shop, and stops them in reverse order. */
async function run(): Promise<void> {
  const { logLevel, ...settings } = environment(process.env);
  const { observe, exposition } = telemetry({ level: logLevel });
  const crash = process.env['SEAWORTHY_CRASH_AT'];
  const surroundings = runtime({ observe, ...(crash && { reached: crashAt(crash) }) });

  const opened = await shop();
  const fleet = await launch(opened, { ...settings, runtime: surroundings, exposition });
  const { only } = settings;
  observe.log('info', only ? `running ${only.join(', ')} of the shop` : `the shop is open at ${fleet.url}`, {
    ...(fleet.url !== undefined && { url: fleet.url }),
    ...(settings.listen.services && { services: fleet.urls }),
    processor: opened.processor(),
  });

  let stopping = false;
  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (stopping) return;
    stopping = true;
    observe.log('info', `${signal}: the shop closes`);
    await fleet.stop();
    observe.log('info', 'the shop is closed');
    process.exitCode = 0;
  }
  process.on('SIGTERM', stop);
  // npm sends a signal to its shell, which dies without passing it on. The shop notices this by its new parent.
  const parent = process.ppid;
  if (process.env['npm_lifecycle_event'] !== undefined) setInterval(() => void (process.ppid !== parent && stop('SIGTERM')), 200).unref();
  process.on('SIGINT', stop);
}

export default async function main(): Promise<void> {
  await run().catch((error: unknown) => {
    process.stderr.write(
      `${error instanceof SeaworthyError ? `${error.code}: ${error.message}` : String((error as Error).stack ?? error)}\n`,
    );
    process.exit(1);
  });
}
