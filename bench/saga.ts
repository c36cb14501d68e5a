import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { command, contract } from 'seaworthy/contract';
import { runtime, silent } from 'seaworthy/core';
import { fleet, start } from 'seaworthy/fleet';
import { saga } from 'seaworthy/saga';
import { service } from 'seaworthy/service';
import { z } from 'zod';
import { bench } from './harness.ts';

const count = 3000;
const alone = 400;
const concurrency = 64;
const steps = ['flight', 'hotel', 'car', 'mail'] as const;

const trips = contract('trips', { book: command({ http: 'POST /trips', input: z.object({ id: z.string() }) }) });
const done = async ({ input }: { readonly input: { readonly id: string } }): Promise<{ readonly ticket: string }> => ({
  ticket: `t-${input.id}`,
});
const undo = async (): Promise<void> => {};
const bookTrip = saga(trips, 'book-trip', { input: z.object({ id: z.string() }), uses: [] })
  .step('flight', { do: done, undo })
  .step('hotel', { do: done, undo })
  .step('car', { do: done, undo })
  .step('mail', { do: done, undo });
const bookings = service(trips, {
  sagas: [bookTrip],
  handlers: { book: async ({ input, start: begin }) => void begin(bookTrip, input) },
});

const folder = (): string => mkdtempSync(join(tmpdir(), 'seaworthy-bench-'));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const perSaga: number[] = [];

/** Starts `all` sagas by a command each, so many at one time, and waits until all have ended. */
async function ours(all: number, atOnce: number): Promise<{ readonly rate: number; readonly p50: number }> {
  const dir = folder();
  let commits = 0;
  const began = new Map<string, number>();
  const took: number[] = [];
  const waiting: (() => void)[] = [];
  const observe = {
    ...silent,
    count(name: string, _attributes?: unknown, by = 1) {
      if (name === 'seaworthy_store_commits_total') commits += by;
      if (name === 'seaworthy_saga_ended_total') waiting.shift()?.();
    },
  };
  const running = await start(fleet({ services: [bookings] }), { dir, runtime: runtime({ observe }) });
  try {
    let next = 0;
    const one = async (): Promise<void> => {
      for (let id = next++; id < all; id = next++) {
        const from = performance.now();
        began.set(String(id), from);
        const ended = new Promise<void>((resolve) => waiting.push(resolve));
        await running.call(trips.book, { id: String(id) }, { key: String(id) });
        await ended;
        took.push(performance.now() - from);
      }
    };
    const before = commits;
    const from = performance.now();
    await Promise.all(Array.from({ length: atOnce }, one));
    const seconds = (performance.now() - from) / 1000;
    if (atOnce > 1) perSaga.push((commits - before) / all);
    return { rate: all / seconds, p50: median(took) };
  } finally {
    await running.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The rows of `all` sagas by hand, in as many commits as ours made: a synchronous loop over prepared statements. */
function byHand(all: number, group: number): { readonly rate: number; readonly p50: number } {
  const dir = folder();
  const database = new DatabaseSync(join(dir, 'trips.db'));
  database.exec(`pragma journal_mode = wal; pragma synchronous = full;
    create table saga (id text primary key, name text, key text, plan text, input text, state text, journal text, cause text, attempts integer,
      due integer, owner text, error text, started integer, changed integer, unique (name, key));
    create table keyed (operation text, key text, print text, answer text, at integer, primary key (operation, key))`);
  const begin = database.prepare("insert into saga values (?, 'book-trip', ?, ?, ?, 'running', ?, null, 0, 0, 'me', null, 0, 0)");
  const keep = database.prepare("insert into keyed values ('book', ?, 'print', '{}', 0)");
  const step = database.prepare('update saga set state = ?, journal = ?, changed = ? where id = ? and owner = ? and state = ?');
  const plan = JSON.stringify(steps);
  const journals = steps.map((_, at) =>
    JSON.stringify(steps.slice(0, at + 1).map((name) => ({ step: name, state: 'done', result: { ticket: 't-1' } }))),
  );
  const took: number[] = [];
  const from = performance.now();
  for (let first = 0; first < all; first += group) {
    const ids = Array.from({ length: Math.min(group, all - first) }, (_, index) => String(first + index));
    const at = performance.now();
    const commit = (work: (id: string) => void): void => {
      database.exec('begin immediate');
      for (const id of ids) work(id);
      database.exec('commit');
    };
    commit((id) => {
      begin.run(id, id, plan, `{"id":"${id}"}`, '[]');
      keep.run(id);
    });
    for (const [index, journal] of journals.entries())
      commit((id) => step.run(index === steps.length - 1 ? 'done' : 'running', journal, index, id, 'me', 'running'));
    took.push(performance.now() - at);
  }
  const seconds = (performance.now() - from) / 1000;
  database.close();
  rmSync(dir, { recursive: true, force: true });
  return { rate: all / seconds, p50: median(took) };
}

const groupOf = (): number => Math.max(1, Math.round((1 + steps.length) / median(perSaga)));
await bench(
  'saga',
  [
    {
      metric: 'sagas per second',
      unit: '1/s',
      higher: true,
      ours: async () => (await ours(count, concurrency)).rate,
      peers: {},
      limit: { name: 'same rows and fsyncs by hand', run: () => byHand(count, groupOf()).rate },
    },
    {
      metric: 'saga p50',
      unit: 'ms',
      ours: async () => (await ours(alone, 1)).p50,
      peers: {},
      limit: { name: 'same rows and fsyncs by hand', run: () => byHand(alone, 1).p50 },
    },
  ],
  {
    rounds: 5,
    notes: () => [
      `A command starts a saga of four steps whose work is nothing, ${concurrency} at one time, synchronous=FULL; p50: one at a time, from the command to the end of the saga.`,
      `Commits a saga, ${concurrency} at one time: ${median(perSaga).toFixed(2)}.`,
    ],
  },
);
