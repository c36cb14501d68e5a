import assert from 'node:assert/strict';
import type { Read, Row } from '../store/store.ts';
import { type BankName, bankOn, clearing, office, till, vault } from './bank-fleet.fixture.ts';
import { type StormContext, type StormOptions, type StormReport, storm } from './storm.ts';

const accounts = ['a', 'b', 'weak'];
const payments = 6;
const loans = ['1', '2', '3'];
const hows = ['well', 'frozen', 'broken', 'lost', 'well', 'late', 'late', 'late'] as const;
const transfers = hows.map((how, index) => ({ id: String(index), how }));
const names = ['till', 'ledger', 'vault', 'office'] as const;

const numbers = (rows: readonly Row[], account: string): readonly number[] =>
  rows.filter((row) => row['account'] === account).map((row) => Number(row['n']));

async function countsIn(read: Read): Promise<Readonly<Record<string, number>>> {
  const rows = await read.all('select name, n from counted');
  return Object.fromEntries(rows.map((row) => [String(row['name']), Number(row['n'])]));
}

/** Once a step has been undone at its callee, nothing of it is done there any more. */
async function nothingAfterUndo(read: Read): Promise<void> {
  const undone = new Set<string>();
  for (const row of await read.all('select id, what from trail order by seq')) {
    const [what, side] = String(row['what']).split(' ');
    if (what === 'reverse') undone.add(`${side} ${row['id']}`);
    else assert.ok(!undone.has(`${what} ${row['id']}`), `the ${what} of transfer ${row['id']} was done after its undo`);
  }
}

/** Of each transfer, what was done last is undone first. */
async function undoneInReverse(read: Read): Promise<void> {
  const undone = new Map<string, string[]>();
  for (const { id, what } of await read.all("select id, what from trail where what like 'reverse %' order by seq")) {
    const sides = undone.get(String(id)) ?? [];
    undone.set(String(id), sides.includes(String(what)) ? sides : [...sides, String(what)]);
  }
  const order = ['reverse credit', 'reverse wire', 'reverse debit'];
  for (const [id, sides] of undone)
    assert.deepEqual(
      sides,
      order.filter((side) => sides.includes(side)),
      `the undos of transfer ${id}`,
    );
}

/** Payments and transfers in a storm; afterwards each has happened once, in order, or not at all. */
export function bankStorm(seed: number, more: Partial<StormOptions<BankName>> = {}): Promise<StormReport> {
  const books = clearing();
  // Payments by a client that gives up: how many he made, and how many of them were answered.
  const hasty = { made: 0, answered: 0 };
  /** Loans that were granted, by what the vault answered. */
  const granted = new Set<string>();
  /** Transfers of which the office said that they are stopped. */
  const dropped = new Set<string>();
  /** Events that died at least once: they are given back by an operator, when others of their account have gone ahead. */
  const redriven = new Set<string>();

  async function redrive({ deadLetters }: StormContext<BankName>): Promise<number> {
    let count = 0;
    for (const name of names) {
      const letters = deadLetters(name);
      for (const { id, key, attempts } of await letters.list()) {
        redriven.add(key);
        const { history } = await letters.show(id);
        assert.ok(history.length >= attempts, `${id} died after ${attempts} attempts, of which ${history.length} are kept`);
      }
      count += await letters.redrive({});
    }
    return count;
  }

  return storm({
    fleet: bankOn(books, (more.instances ?? 1) > 1),
    seed,
    // The slowest takes a minute. What nobody takes over is given up by hand after five.
    within: '3m',
    bus: seed % 3 === 0 ? 'embedded' : 'memory',
    options: { consumer: { retry: { attempts: 3, base: '200ms', cap: '2s' } } },
    async load(context) {
      const { call, callOnce, random, sleep } = context;
      const pay = async (account: string): Promise<void> => {
        for (let n = 1; n <= payments; n++) {
          await sleep(`${Math.floor(random.next() * 2000)}ms`);
          assert.deepEqual(await call(till.pay, { account }), { n });
        }
      };
      const hurry = async (): Promise<void> => {
        for (; hasty.made < payments; ) {
          await sleep(`${Math.floor(random.next() * 2000)}ms`);
          hasty.made++;
          await callOnce(till.pay, { account: 'hasty' }).then(
            () => hasty.answered++,
            () => {}, // it may have happened
          );
        }
      };
      const send = async (one: (typeof transfers)[number]): Promise<void> => {
        await call(office.transfer, one, { key: `send-${one.id}` });
        // The key of a call belongs to its payload.
        const another = { ...one, how: 'frozen' as const };
        if (one.how !== 'frozen')
          await assert.rejects(call(office.transfer, another, { key: `send-${one.id}` }), /SW_IDEMPOTENCY_KEY_REUSED|422/);
        if (one.how !== 'late') return;
        await sleep(`${Math.floor(random.next() * 10_000)}ms`);
        const { stopping } = await call(office.drop, { id: one.id });
        if (stopping) dropped.add(one.id);
      };
      const borrow = async (id: string): Promise<void> => {
        const ask = (): Promise<boolean> =>
          call(vault.lend, { id }, { key: `loan-${id}` }).then(
            () => true,
            (error: unknown) => {
              assert.match(String(error), /Refused/);
              return false;
            },
          );
        const first = await ask();
        if (first) granted.add(id);
        await sleep(`${Math.floor(random.next() * 2000)}ms`);
        assert.equal(await ask(), first, `the answer to a repeat of loan ${id}`);
      };
      const operate = async (): Promise<void> => {
        for (let round = 0; round < 3; round++) {
          await sleep('4s');
          await redrive(context);
        }
      };
      await Promise.all([...accounts.map(pay), hurry(), operate(), ...transfers.map(send), ...loans.map(borrow)]);
    },
    // Until nothing dies any more; a weak account's events die again and again.
    settled: async (context) => (await redrive(context)) === 0,
    async always({ read }) {
      const vaulted = await countsIn(read('vault'));
      for (const [name, n] of Object.entries(vaulted)) assert.ok(n === 0 || n === 1, `${name} happened ${n} times`);
      await nothingAfterUndo(read('vault'));
    },
    async check({ read }) {
      const all = Array.from({ length: payments }, (_, index) => index + 1);
      const [here, there] = [
        await read('till').all('select * from line order by seq'),
        await read('ledger').all('select * from line order by seq'),
      ];
      const balances = await countsIn(read('ledger'));
      for (const account of accounts) {
        for (const [where, rows] of Object.entries({ till: here, ledger: there })) {
          const seen = numbers(rows, account);
          // An event that died was overtaken by later ones: each is there once all the same.
          const inOrder = redriven.has(account) ? seen.toSorted((one, other) => one - other) : seen;
          assert.deepEqual(inOrder, all, `the lines of ${account} in the ${where}`);
        }
        assert.equal(balances[account], payments, `the balance of ${account}`);
        assert.equal(balances[`noted ${account}`], payments, `the notes of ${account}`);
      }
      const paid = balances['hasty'] ?? 0;
      assert.ok(
        paid >= hasty.answered && paid <= hasty.made,
        `of ${hasty.made} hasty payments, ${hasty.answered} answered, there are ${paid}`,
      );
      assert.deepEqual(
        numbers(there, 'hasty').toSorted((one, other) => one - other),
        Array.from({ length: paid }, (_, index) => index + 1),
      );
      await undoneInReverse(read('vault'));
      const [vaulted, kept] = [await countsIn(read('vault')), await countsIn(read('office'))];
      for (const id of loans) assert.equal(vaulted[`loan ${id}`] ?? 0, granted.has(id) ? 1 : 0, `loan ${id}`);
      for (const { id, how } of transfers) {
        const {
          [`open ${id}`]: open = 0,
          [`closed ${id}`]: closed = 0,
          [`undone ${id}`]: undone = 0,
          [`between ${id}`]: between = 0,
        } = kept;
        const well = closed === 1;
        assert.deepEqual([open, closed + undone], [1, 1], `the ends of transfer ${id}`);
        assert.ok(between <= 1 && (between === 1 || !well), `transfer ${id} was noted ${between} times`);
        if ((how !== 'well' && how !== 'late') || dropped.has(id)) assert.equal(well, false, `transfer ${id}, which is ${how}`);
        for (const side of ['debit', 'credit', 'wire'])
          assert.equal(vaulted[`${side} ${id}`] ?? 0, well ? 1 : 0, `the ${side} of transfer ${id}`);
        assert.equal(books.wired.has(id) && !books.recalled.has(id), well, `what the third party has of transfer ${id}`);
      }
      for (const name of names) {
        assert.deepEqual(await read(name).all('select * from sw_dead_letter'), [], `dead letters of ${name}`);
        assert.deepEqual(await read(name).all("select * from sw_saga where state = 'stuck'"), [], `stuck sagas of ${name}`);
      }
    },
    ...more,
  });
}
