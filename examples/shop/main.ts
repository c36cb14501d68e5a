import { runtime, SeaworthyError } from 'seaworthy/core';
import { environment, start } from 'seaworthy/fleet';
import { telemetry } from 'seaworthy/telemetry';
import { crashAt } from 'seaworthy/testing';
import shop from './fleet.ts';
import { cards } from './payments/cards.ts';
import { startProcessor } from './processor/start.ts';

/** Starts the card processor, then the shop, and stops them in the other order. */
async function run(): Promise<void> {
  const { logLevel, ...settings } = environment(process.env);
  const { observe, exposition } = telemetry({ level: logLevel });
  const crash = process.env['SEAWORTHY_CRASH_AT'];
  const surroundings = runtime({ observe, ...(crash && { reached: crashAt(crash) }) });

  // A shop of several processes has one card processor, which somebody else has started.
  const elsewhere = process.env['SHOP_PROCESSOR'];
  const processor = elsewhere ? { url: elsewhere, stop: async () => {} } : await startProcessor(settings);
  const client = cards(processor.url);
  const fleet = await start(shop(client), { ...settings, runtime: surroundings, exposition }).catch(async (error: unknown) => {
    await processor.stop();
    throw error;
  });
  const { only } = settings;
  observe.log('info', only ? `of the shop ${only.join(' and ')} run here` : `the shop is open at ${fleet.url}`, {
    ...(fleet.url !== undefined && { url: fleet.url }),
    ...(settings.ports && { services: fleet.urls }),
    processor: processor.url,
  });

  let stopping = false;
  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (stopping) return;
    stopping = true;
    observe.log('info', `${signal}: the shop closes`);
    await fleet.stop();
    await client.close();
    await processor.stop();
    observe.log('info', 'the shop is closed');
    process.exitCode = 0;
  }
  process.on('SIGTERM', stop);
  // npm passes a signal on to its shell, which dies of it without telling: the shop then has another parent.
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
