import assert from 'node:assert/strict';
import { z } from 'zod';
import { command, contract, event } from '../contract/contract.ts';
import { fleet } from '../fleet/fleet.ts';
import { saga } from '../saga/saga.ts';
import { service } from '../service/service.ts';
import type { Read, Row } from '../store/store.ts';
import { type StormOptions, type StormReport, storm } from './storm.ts';

/** A fleet in which nothing may happen twice, or in another order: every effect adds to what is there. */
const Account = z.object({ account: z.string() });
const Payment = Account.extend({ n: z.int() });
const Transfer = z.object({ id: z.string(), how: z.enum(['well', 'frozen', 'broken', 'lost']) });

const till = contract('till', {
  pay: command({ http: 'POST /pay', input: Account, output: z.object({ n: z.int() }) }),
  paid: event({ key: 'account', data: Payment }),
});
const ledger = contract('ledger', { booked: event({ key: 'account', data: Payment }) });
const vault = contract('vault', {
  debit: command({ http: 'POST /debit', input: Transfer }),
  credit: command({ http: 'POST /credit', input: Transfer, errors: { Frozen: { status: 409 } } }),
  reverse: command({ http: 'POST /reverse', input: z.object({ id: z.string(), side: z.enum(['debit', 'credit']) }) }),
});
const office = contract('office', { transfer: command({ http: 'POST /transfer', input: Transfer }) });

const add = 'insert into counted (name, n) values (?, 1) on conflict (name) do update set n = counted.n + 1';
const counted = (name: string): { name: string; statements: string[] } => ({
  name: `${name}/1`,
  statements: [
    'create table counted (name text primary key, n bigint not null)',
    'create table line (seq integer primary key autoincrement, account text not null, n bigint not null)',
  ],
});

const tillService = service(till, {
  migrations: [counted('till')],
  handlers: {
    async pay({ input: { account }, tx, publish }) {
      await tx.run(add, account);
      const [row] = await tx.all('select n from counted where name = ?', account);
      const n = Number(row?.['n']);
      publish('paid', { account, n });
      return { n };
    },
  },
  on: (on) => [
    on(ledger.booked, async ({ data: { account, n }, tx }) => {
      await tx.run('insert into line (account, n) values (?, ?)', account, n);
    }),
  ],
});

const ledgerService = service(ledger, {
  migrations: [counted('ledger')],
  handlers: {},
  on: (on) => [
    on(till.paid, async ({ data: { account, n }, tx, publish }) => {
      await tx.run(add, account);
      await tx.run('insert into line (account, n) values (?, ?)', account, n);
      publish('booked', { account, n });
    }),
  ],
});

const vaultService = service(vault, {
  migrations: [counted('vault')],
  handlers: {
    async debit({ input, tx }) {
      await tx.run(add, `debit ${input.id}`);
    },
    async credit({ input, tx, fail }) {
      await tx.run(add, `credit ${input.id}`);
      if (input.how === 'frozen') throw fail('Frozen');
      if (input.how === 'broken') throw new Error('as the test says');
    },
    async reverse({ input: { id, side }, tx }) {
      await tx.run('update counted set n = n - 1 where name = ?', `${side} ${id}`);
    },
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
  handlers: { transfer: ({ input, start }) => start(transfer, input) },
  sagas: [transfer],
});

export const bank = fleet({ services: [tillService, ledgerService, vaultService, officeService] });

const accounts = ['a', 'b', 'c'];
const payments = 6;
const hows = ['well', 'frozen', 'broken', 'lost', 'well'] as const;
const transfers = hows.map((how, index) => ({ id: String(index), how }));

const numbers = (rows: readonly Row[], account: string): readonly number[] =>
  rows.filter((row) => row['account'] === account).map((row) => Number(row['n']));

async function countsIn(read: Read): Promise<Readonly<Record<string, number>>> {
  const rows = await read.all('select name, n from counted');
  return Object.fromEntries(rows.map((row) => [String(row['name']), Number(row['n'])]));
}

/** Payments and transfers in a storm; afterwards each has happened once, in order, or not at all. */
export function bankStorm(seed: number, more: Partial<StormOptions<'till' | 'ledger' | 'vault' | 'office'>> = {}): Promise<StormReport> {
  return storm({
    fleet: bank,
    seed,
    async load({ call, random, sleep }) {
      const pay = async (account: string): Promise<void> => {
        for (let n = 1; n <= payments; n++) {
          await sleep(`${Math.floor(random.next() * 2000)}ms`);
          assert.deepEqual(await call(till.pay, { account }), { n });
        }
      };
      await Promise.all([...accounts.map(pay), ...transfers.map((one) => call(office.transfer, one))]);
    },
    async check({ read }) {
      const all = Array.from({ length: payments }, (_, index) => index + 1);
      const [here, there] = [
        await read('till').all('select * from line order by seq'),
        await read('ledger').all('select * from line order by seq'),
      ];
      const balances = await countsIn(read('ledger'));
      for (const account of accounts) {
        assert.deepEqual(numbers(there, account), all, `the ledger's lines of ${account}`);
        assert.deepEqual(numbers(here, account), all, `the till's lines of ${account}`);
        assert.equal(balances[account], payments, `the balance of ${account}`);
      }
      const [vaulted, kept] = [await countsIn(read('vault')), await countsIn(read('office'))];
      for (const { id, how } of transfers) {
        const { [`open ${id}`]: open, [`closed ${id}`]: closed = 0, [`undone ${id}`]: undone = 0, [`between ${id}`]: between = 0 } = kept;
        const well = closed === 1;
        assert.deepEqual([open, closed + undone], [1, 1], `the ends of transfer ${id}`);
        assert.ok(between <= 1 && (between === 1 || !well), `transfer ${id} was noted ${between} times`);
        if (how !== 'well') assert.equal(well, false, `transfer ${id}, which is ${how}`);
        for (const side of ['debit', 'credit']) assert.equal(vaulted[`${side} ${id}`] ?? 0, well ? 1 : 0, `the ${side} of transfer ${id}`);
      }
      for (const name of ['till', 'ledger', 'vault', 'office'] as const)
        assert.deepEqual(await read(name).all('select * from sw_dead_letter'), [], `dead letters of ${name}`);
    },
    ...more,
  });
}
