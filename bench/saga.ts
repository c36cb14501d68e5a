import { bench, type Metric } from './harness.ts';
import { postgresSagas } from './sagas/postgres.ts';
import { byHand, bySagas, byStore } from './sagas/sqlite.ts';
import { steps } from './sagas/steps.ts';
import { median } from './shared/workload.ts';

const count = 3000;
const alone = 400;
const concurrency = 64;
const perSaga: number[] = [];

async function together(): Promise<number> {
  const { rate, commits } = await bySagas({ count, atOnce: concurrency });
  perSaga.push(commits);
  return rate;
}

// A service that is open runs compiled code, as the floor does from its first row on.
await together();
perSaga.length = 0;
const groupOf = (): number => Math.max(1, Math.round((1 + steps.length) / median(perSaga)));
const onSqlite: readonly Metric[] = [
  {
    metric: 'sagas per second',
    unit: '1/s',
    higher: true,
    ours: together,
    peers: {},
    limit: { name: 'same rows and fsyncs by hand', run: () => byHand(count, groupOf()).rate },
  },
  {
    metric: 'their rows by the store alone',
    unit: '1/s',
    higher: true,
    ours: () => byStore(count, concurrency),
    peers: {},
    limit: { name: 'same rows and fsyncs by hand', run: () => byHand(count, groupOf()).rate },
  },
  {
    metric: 'saga p50',
    unit: 'ms',
    ours: async () => (await bySagas({ count: alone, atOnce: 1 })).p50,
    peers: {},
    limit: { name: 'same rows and fsyncs by hand', run: () => byHand(alone, 1).p50 },
  },
];
const onPostgres = await postgresSagas();
try {
  await bench('saga', [...onSqlite, ...onPostgres.metrics], {
    rounds: 5,
    notes: () => [
      `A command starts a saga of four steps whose work is nothing, ${concurrency} at one time, synchronous=FULL; p50: one at a time, from the command to the end of the saga.`,
      'By the store alone: the same transactions by a loop over it, with no contract, call, timeout, trace, retry or recovery.',
      `Commits a saga, ${concurrency} at one time: ${median(perSaga).toFixed(2)}.`,
      ...onPostgres.notes(),
    ],
  });
} finally {
  await onPostgres.stop();
}
