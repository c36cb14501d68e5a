import { z } from 'zod';
import { command, contract, event } from '../contract/contract.ts';
import type { Random } from '../core/random.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { type Fleet, fleet } from '../fleet/fleet.ts';
import { saga } from '../saga/definition.ts';
import { external } from '../service/handler.ts';
import { service } from '../service/service.ts';
import type { StormProcess } from './storm.ts';

/** A fleet in which nothing may happen twice, or in another order: every effect adds to what is there. */
const Account = z.object({ account: z.string() });
const Payment = Account.extend({ n: z.int() });
const Ref = z.object({ id: z.string() });
const Transfer = Ref.extend({ how: z.enum(['well', 'frozen', 'broken', 'lost', 'late']) });
const Side = z.enum(['debit', 'credit', 'wire']);

export const till = contract('till', {
  pay: command({ http: 'POST /pay', input: Account, output: z.object({ n: z.int() }) }),
  paid: event({ key: 'account', data: Payment }),
  /** What the code before the deploy does not know. */
  noted: event({ key: 'account', data: Payment }),
});
const ledger = contract('ledger', { booked: event({ key: 'account', data: Payment }) });
export const vault = contract('vault', {
  debit: command({ http: 'POST /debit', input: Transfer }),
  credit: command({ http: 'POST /credit', input: Transfer, errors: { Frozen: { status: 409 } } }),
  reverse: command({ http: 'POST /reverse', input: Ref.extend({ side: Side }) }),
  wire: command({ http: 'POST /wire', input: Transfer }),
  recall: command({ http: 'POST /recall', input: Ref }),
  lend: command({ http: 'POST /lend', input: Ref, errors: { Refused: { status: 409 } } }),
});
export const office = contract('office', {
  transfer: command({ http: 'POST /transfer', input: Transfer }),
  drop: command({ http: 'POST /drop', input: Ref, output: z.object({ stopping: z.boolean() }) }),
});

const add = 'insert into counted (name, n) values (?, 1) on conflict (name) do update set n = counted.n + 1';
const counted = (name: string): { name: string; statements: string[] } => ({
  name: `${name}/1`,
  statements: [
    'create table counted (name text primary key, n bigint not null)',
    'create table line (seq integer primary key autoincrement, account text not null, n bigint not null)',
    // What was done for a transfer, in the order in which it was committed.
    'create table trail (seq integer primary key autoincrement, id text not null, what text not null)',
  ],
});

/** The third party's books: what it has wired, and what it was asked to take back, each by its key. They outlive all processes. */
export interface Clearing {
  readonly wired: Set<string>;
  readonly recalled: Set<string>;
  /** Handlings of payments that failed on purpose. */
  failed: number;
}
export const clearing = (): Clearing => ({ wired: new Set(), recalled: new Set(), failed: 0 });

class NoAnswer extends Error {}

/** A request to the third party over a network that is slow at times, and loses some of what is said. */
async function ask({ clock, random }: { clock: Runtime['clock']; random: Random }, signal: AbortSignal, work: () => void): Promise<void> {
  await sleep(clock, 6000 ** random.next(), signal);
  if (random.next() < 0.1) throw new NoAnswer('the request was lost');
  work();
  await sleep(clock, 3000 ** random.next(), signal);
  if (random.next() < 0.1) throw new NoAnswer('the answer was lost');
}

const tillService = service(till, {
  migrations: [counted('till')],
  handlers: {
    async pay({ input: { account }, tx, publish }) {
      await tx.run(add, account);
      const [row] = await tx.all('select n from counted where name = ?', account);
      const n = Number(row?.['n']);
      await tx
        .savepoint(async () => {
          publish('paid', { account, n: -n });
          throw new NoAnswer('taken back, with what was published in it');
        })
        .catch(() => {});
      publish('paid', { account, n });
      publish('noted', { account, n });
      return { n };
    },
  },
  on: (on) => [
    on(ledger.booked, async ({ data: { account, n }, tx }) => {
      await tx.run('insert into line (account, n) values (?, ?)', account, n);
    }),
  ],
});

const ledgerService = (books: Clearing, { random }: Runtime, deployed: boolean) =>
  service(ledger, {
    migrations: [counted('ledger')],
    handlers: {},
    on: (on) => [
      on(till.paid, async ({ data: { account, n }, tx, publish }) => {
        await tx.run(add, account);
        await tx.run('insert into line (account, n) values (?, ?)', account, n);
        publish('booked', { account, n });
        if (random.next() >= (account === 'weak' ? 0.7 : 0.05)) return;
        books.failed++;
        throw new Error('as the test says');
      }),
      ...(deployed ? [on(till.noted, async ({ data: { account }, tx }) => void (await tx.run(add, `noted ${account}`)))] : []),
    ],
  });

const vaultService = (books: Clearing, runtime: Runtime) =>
  service(vault, {
    migrations: [counted('vault')],
    handlers: {
      async debit({ input, tx }) {
        await tx.run('insert into trail (id, what) values (?, ?)', input.id, 'debit');
        await tx.run(add, `debit ${input.id}`);
      },
      async credit({ input, tx, fail }) {
        await tx.run('insert into trail (id, what) values (?, ?)', input.id, 'credit');
        await tx.run(add, `credit ${input.id}`);
        if (input.how === 'frozen') throw fail('Frozen');
        if (input.how === 'broken') throw new Error('as the test says');
      },
      async reverse({ input: { id, side }, tx }) {
        await tx.run('insert into trail (id, what) values (?, ?)', id, `reverse ${side}`);
        await tx.run('update counted set n = n - 1 where name = ?', `${side} ${id}`);
      },
      wire: external({
        before: () => null,
        do: ({ input, signal }) => ask(runtime, signal, () => void books.wired.add(input.id)),
        async after({ input, tx }) {
          await tx.run('insert into trail (id, what) values (?, ?)', input.id, 'wire');
          await tx.run(add, `wire ${input.id}`);
        },
      }),
      // Another run of it may decide otherwise, and must not: the first decision is the answer under the key.
      async lend({ input, tx, fail }) {
        await tx.run(add, `loan ${input.id}`);
        if (runtime.random.next() < 0.5) throw fail('Refused');
      },
      // Takes back what was written, and nothing else: whoever undoes a wire must have waited for its outcome.
      recall: external({
        before: async ({ input, tx }) => ({ wired: (await tx.all('select 1 from counted where name = ?', `wire ${input.id}`)).length > 0 }),
        async do({ input, intent, signal }) {
          if (intent.wired) await ask(runtime, signal, () => void books.recalled.add(input.id));
        },
        async after({ input, tx }) {
          await tx.run('insert into trail (id, what) values (?, ?)', input.id, 'reverse wire');
          await tx.run('update counted set n = n - 1 where name = ?', `wire ${input.id}`);
        },
      }),
    },
  });

const transfer = saga(office, 'transfer', { input: Transfer, uses: [vault], key: ({ id }) => id })
  .local('open', {
    do: async ({ input, tx }) => {
      await tx.run(add, `open ${input.id}`);
    },
    undo: async ({ input, tx }) => {
      await tx.run(add, `undone ${input.id}`);
    },
  })
  .step('debit', {
    do: ({ input, call }) => call(vault.debit, input),
    undo: ({ input, call }) => call(vault.reverse, { id: input.id, side: 'debit' }),
  })
  .local('between', {
    do: async ({ input, tx }) => {
      await tx.run(add, `between ${input.id}`);
    },
  })
  .step('wire', {
    // Shorter than the third party takes at times: it is undone then, with the request still under way.
    timeout: '3s',
    retry: { attempts: 2 },
    do: ({ input, call }) => call(vault.wire, input),
    undo: ({ input, call }) => call(vault.recall, { id: input.id }),
  })
  .step('credit', {
    do: async ({ input, call }) => {
      await call(vault.credit, input);
      if (input.how === 'lost') throw new Error('it happened, and nobody will know');
    },
    undo: ({ input, call }) => call(vault.reverse, { id: input.id, side: 'credit' }),
  })
  .local('close', {
    do: async ({ input, tx }) => {
      await tx.run(add, `closed ${input.id}`);
    },
  });

const officeService = service(office, {
  migrations: [counted('office')],
  handlers: {
    async transfer({ input, start }) {
      await start(transfer, input);
    },
    async drop({ input, stop }) {
      return { stopping: (await stop(transfer, input.id, 'dropped')).stopping };
    },
  },
  sagas: [transfer],
});

export type BankName = 'till' | 'ledger' | 'vault' | 'office';

/** The bank as one process runs it. The second of two, and the next life of the first, run the code of after the deploy. */
export const bankOn =
  (books: Clearing, deploys: boolean) =>
  (runtime: Runtime, { index, lives }: StormProcess): Fleet<BankName> =>
    fleet({
      services: [
        tillService,
        ledgerService(books, runtime, !deploys || index > 0 || lives > 0),
        vaultService(books, runtime),
        officeService,
      ],
    });
