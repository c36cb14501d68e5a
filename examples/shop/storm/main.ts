import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { StormReport } from 'seaworthy/testing';
import { chosen, whole } from '../options.ts';

/** The result of one seed from a worker. */
export type Said = { readonly report: StormReport } | { readonly seed: number; readonly failed: string };

const values = chosen({
  seeds: { type: 'string', default: '1000' },
  from: { type: 'string', default: '1' },
  instances: { type: 'string', default: '1' },
  workers: { type: 'string', default: String(availableParallelism()) },
});
const [seeds, from, workers] = [whole('seeds', values.seeds), whole('from', values.from), whole('workers', values.workers)];
const instances = whole('instances', values.instances);

let next = from;
let played = 0;
let deaths = 0;
let simulatedMs = 0;
const faults: Record<string, number> = {};
const failed: string[] = [];

function heard(said: Said): void {
  played++;
  if ('failed' in said) {
    failed.push(said.failed);
    process.stdout.write(`  BAD  ${said.failed}\n`);
    return;
  }
  deaths += said.report.deaths.length;
  simulatedMs += said.report.elapsedMs;
  for (const [name, count] of Object.entries(said.report.faults)) faults[name] = (faults[name] ?? 0) + count;
}

/** Runs one thread, which plays one seed after the other until none is left or one has failed. */
function work(): Promise<void> {
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: { instances } });
  const give = (): void => worker.postMessage(next < from + seeds && failed.length === 0 ? next++ : undefined);
  return new Promise((resolve, reject) => {
    worker.on('message', (said: Said | 'ready') => {
      if (said !== 'ready') heard(said);
      give();
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

const began = performance.now();
await Promise.all(Array.from({ length: workers }, work));
const seconds = ((performance.now() - began) / 1000).toFixed(1);
process.stdout.write(`  ${played} storms from seed ${from} on, ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours, in ${seconds} s\n`);
process.stdout.write(`  ${deaths} deaths; ${JSON.stringify(faults)}\n`);
process.stdout.write(failed.length === 0 ? '  the books agreed after each\n' : `  ${failed.length} failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
