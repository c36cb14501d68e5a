// The package in JavaScript, as somebody uses it who has installed it: a fleet of two services, one with a saga.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { command, contract, event, query } from 'seaworthy/contract';
import { fleet, start } from 'seaworthy/fleet';
import { gateway, route } from 'seaworthy/gateway';
import { policy, retry, timeout } from 'seaworthy/resilience';
import { saga } from 'seaworthy/saga';
import { service } from 'seaworthy/service';
import { z } from 'zod';

const Loan = z.object({ book: z.string(), reader: z.string() });
const shelf = contract('shelf', {
  take: command({ http: 'POST /takings', input: Loan, errors: { Gone: { status: 409 } } }),
});
const loans = contract('loans', {
  lend: command({ http: 'POST /loans', input: Loan, status: 202 }),
  state: query({ http: 'GET /loans/{book}', input: Loan.pick({ book: true }), output: z.object({ state: z.string() }) }),
  lent: event({ key: 'book', data: Loan }),
});

const set = (tx, book, state) =>
  tx.run('insert into loan values (?, ?) on conflict (book) do update set state = excluded.state', book, state);
const lending = saga(loans, 'lending', { input: Loan, uses: [shelf] })
  .local('open', {
    do: ({ input, tx }) => void set(tx, input.book, 'pending'),
    undo: ({ input, tx, cause }) => set(tx, input.book, cause.name),
  })
  .step('take', { do: ({ input, call }) => call(shelf.take, input) })
  .local('close', {
    async do({ input, tx, publish }) {
      await set(tx, input.book, 'lent');
      publish('lent', input);
    },
  });

const heard = [];
const library = fleet({
  services: [
    service(loans, {
      migrations: [{ name: 'loans/1', statements: ['create table loan (book text primary key, state text not null)'] }],
      handlers: {
        lend: ({ input, start }) => start(lending, input),
        async state({ input, read }) {
          const [row] = await read.all('select state from loan where book = ?', input.book);
          return { state: row?.state ?? 'unknown' };
        },
      },
      sagas: [lending],
    }),
    service(shelf, {
      handlers: {
        take({ input, fail }) {
          if (input.book === 'Moby Dick') throw fail('Gone');
        },
      },
      on: (on) => [on(loans.lent, ({ data }) => void heard.push(data.book))],
    }),
  ],
  gateway: gateway({ routes: [route('POST /api/loans', loans.lend), route('GET /api/loans/{book}', loans.state)] }),
});

const dir = await mkdtemp(join(tmpdir(), 'stranger-'));
const running = await start(library, { dir });
const guard = policy(retry({ attempts: 2 }), timeout('5s'));
const json = { 'content-type': 'application/json' };
for (const book of ['Emma', 'Moby Dick']) {
  const body = JSON.stringify({ book, reader: 'ada' });
  const answer = await guard(({ signal }) => fetch(`${running.url}/api/loans`, { method: 'POST', headers: json, body, signal }));
  assert.equal(answer.status, 202);
}
const until = async (book, state) => {
  while ((await running.call(loans.state, { book })).state !== state) await pause(5);
};
await until('Emma', 'lent');
await until('Moby Dick', 'Gone');
while (heard.length < 1) await pause(5);
assert.deepEqual(heard, ['Emma']);
await running.stop();
await rm(dir, { recursive: true });
console.log('JavaScript: lent and refused');
