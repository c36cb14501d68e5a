import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bench, type Metric } from './harness.ts';
import type { Figures, Task } from './outboxes/load.ts';
import { type Contestant, contestant } from './shared/contestant.ts';
import { dropDatabase, freshDatabase, postgresMissing } from './shared/postgres.ts';

const fast: Task = { count: 3000, producers: 32 };
/** So many events of its throughput take a slow peer long enough. */
const counts: Readonly<Record<string, number>> = { 'pg-transactional-outbox': 300 };
const calm: Task = { count: 300, perSecond: 50 };
/** On the disk of the project, and not in a folder that may be in memory. */
const dir = mkdtempSync(join(import.meta.dirname, 'outbox-'));
const urls: string[] = [];
const opened: Contestant<Task, Figures>[] = [];

async function open(program: string, url: string, ...given: readonly string[]): Promise<Contestant<Task, Figures>> {
  const one = await contestant<Task, Figures>(`outboxes/${program}`, url, ...given);
  opened.push(one);
  return one;
}
async function database(name: string): Promise<string> {
  const url = await freshDatabase(`outbox_${name}`);
  urls.push(url);
  return url;
}
async function warm(one: Contestant<Task, Figures>, count = fast.count): Promise<Contestant<Task, Figures>> {
  await one.run({ ...fast, count: count / 3 });
  return one;
}

async function metrics(): Promise<readonly Metric[]> {
  const ours = await warm(await open('seaworthy', await database('seaworthy'), join(dir, 'ours')));
  const byHand = await warm(await open('by-hand', await database('by_hand')));
  const peers: Record<string, Contestant<Task, Figures>> = {};
  for (const name of ['pg-boss', 'graphile-worker', 'pg-transactional-outbox'])
    peers[name] = await warm(await open(name, await database(name)), counts[name]);
  const shared = await database('led');
  await open('seaworthy', shared, join(dir, 'led'), 'leader');
  const led = await warm(await open('seaworthy', shared, join(dir, 'led')));

  /** The runs of one task: the metric of another figure takes its values from the same runs. */
  const runs = new Map<string, Figures[]>();
  const measured = (task: Task, figure: keyof Figures, one: Contestant<Task, Figures>, name: string) => async (): Promise<number> => {
    if (figure === 'p99') return runs.get(name)?.shift()?.p99 as number;
    const figures = await one.run(task === fast ? { ...task, count: counts[name] ?? task.count } : task);
    if (figure === 'p50') runs.set(name, [...(runs.get(name) ?? []), figures]);
    return figures[figure];
  };
  const sides = (task: Task, figure: keyof Figures): Pick<Metric, 'ours' | 'peers' | 'limit'> => ({
    ours: measured(task, figure, ours, 'ours'),
    peers: Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, measured(task, figure, peer, name)])),
    limit: { name: 'by hand in batches', run: measured(task, figure, byHand, 'by hand') },
  });
  const elsewhere = (figure: 'p50' | 'p99'): Metric => ({
    metric: `outbox ${figure}, another process leads`,
    unit: 'ms',
    ours: measured(calm, figure, led, 'led'),
    peers: {},
  });
  return [
    { metric: 'outbox throughput', unit: '1/s', higher: true, ...sides(fast, 'rate') },
    { metric: 'outbox p50', unit: 'ms', ...sides(calm, 'p50') },
    { metric: 'outbox p99', unit: 'ms', ...sides(calm, 'p99') },
    elsewhere('p50'),
    elsewhere('p99'),
  ];
}

try {
  await bench('outbox', postgresMissing === undefined ? await metrics() : [], {
    rounds: 5,
    notes: () =>
      postgresMissing === undefined
        ? [
            `PostgreSQL, ${fast.producers} producers, events of 1 KB, a row of the producer and of the subscriber with each; each contestant in a process and a database of its own on one server. p50 and p99: from the commit of the producer to that of the subscriber, ${calm.perSecond} events a second.`,
            'Ours: the embedded bus on the disk, serializable transactions, order for each key, effects once by the inbox.',
            'By hand: handed over in memory, 512 at a time, with one transaction of the subscriber for all of them. pg-boss and graphile-worker: a queue in the same database, without order; their handlers are made idempotent by a primary key. pg-transactional-outbox polls every 50 ms (its default is 500), without order.',
          ]
        : [postgresMissing],
  });
} finally {
  for (const one of opened) await one.stop();
  for (const url of urls) await dropDatabase(url);
  rmSync(dir, { recursive: true, force: true });
}
