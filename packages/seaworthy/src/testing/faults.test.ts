import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Bus } from '../bus/bus.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { envelope } from '../bus/envelope.ts';
import { Unreachable } from '../client/errors.ts';
import type { CallRequest, Transport } from '../client/transport.ts';
import { command, contract } from '../contract/contract.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { memory } from '../store/drivers/memory.ts';
import { CommitUnknown } from '../store/errors.ts';
import { seededRandom, type VirtualClock, virtualClock } from './clock.ts';
import { FaultsInvalid } from './errors.ts';
import { type FaultName, type Faults, seededFaults, usualRates } from './faults.ts';
import { BusFault, faultyBus } from './faulty-bus.ts';
import { faultyStore } from './faulty-store.ts';
import { faultyTransport } from './faulty-transport.ts';

const fair = Object.fromEntries(Object.keys(usualRates).map((name) => [name, 0])) as Record<FaultName, number>;
const only = (name: FaultName, rate = 1): Faults => seededFaults({ seed: 1, rates: { ...fair, [name]: rate } });

interface World {
  readonly clock: VirtualClock;
  readonly machine: Runtime;
}
function world(): World {
  const clock = virtualClock();
  return { clock, machine: runtime({ clock, random: seededRandom(1) }) };
}

test('the seed determines the faults, which are counted, reported and ended by calm()', () => {
  const play = (): unknown[] => {
    const told: FaultName[] = [];
    const faults = seededFaults({ seed: 3, struck: (name) => told.push(name) });
    for (let round = 0; round < 1000; round++) faults.strikes('bus/publish/lost');
    assert.equal(faults.counts['bus/publish/lost'], told.length);
    assert.ok(told.length > 10 && told.length < 60);
    return [told, faults.delayMs(), faults.below(100)];
  };
  assert.deepEqual(play(), play());
  const faults = only('store/slow');
  faults.calm();
  assert.equal(faults.strikes('store/slow'), false);
});

test('an invalid rate and an unknown fault are named in the error', () => {
  assert.throws(() => seededFaults({ seed: 1, rates: { 'store/slow': 2 } }), FaultsInvalid);
  assert.throws(() => seededFaults({ seed: 1, rates: { 'store/fast': 1 } as never }), /no fault store\/fast: use one of .*store\/slow/);
});

const desk = contract('desk', { ask: command({ http: 'POST /ask', input: z.object({}) }) });
const attempt: CallRequest = {
  ...{
    operation: desk.ask as unknown as CallRequest['operation'],
    input: {},
    key: 'k',
    deadline: undefined,
    undoes: undefined,
    attempt: 1,
  },
  signal: new AbortController().signal,
};

for (const [name, arrived, answered] of [
  ['transport/request/lost', 0, false],
  ['transport/answer/lost', 1, false],
  ['transport/request/duplicated', 2, true],
  ['transport/delayed', 1, true],
] as const) {
  test(`${name}: the request arrives ${arrived} times, and is ${answered ? '' : 'not '}answered`, async () => {
    const { clock, machine } = world();
    let count = 0;
    const inner: Transport = {
      async send() {
        count++;
        return { kind: 'output', output: undefined };
      },
      close: async () => {},
    };
    const faults = only(name);
    const sent = faultyTransport(inner, faults, machine)
      .send(attempt)
      .then(
        () => true,
        (error: unknown) => !(error instanceof Unreachable),
      );
    assert.equal(await clock.run(sent), answered);
    await clock.advance(10_000);
    assert.equal(count, arrived);
    assert.equal(faults.counts[name], 1);
  });
}

for (const [name, runs, rows] of [
  ['store/conflict', 2, 1],
  ['store/commit/unknown', 1, 1],
  ['store/slow', 1, 1],
] as const) {
  test(`${name}: the transaction is committed once`, async () => {
    const { clock, machine } = world();
    let left = 1;
    const faults = only(name);
    const once: Faults = { ...faults, strikes: (asked) => asked === name && left-- > 0 && faults.strikes(name) };
    const store = await faultyStore(memory(), once).open('desk', machine);
    await store.migrate([{ name: 'desk/1', statements: ['create table line (n integer)'] }]);
    let ran = 0;
    const work = store.transaction(async (tx) => {
      ran++;
      await tx.run('insert into line (n) values (1)');
    });
    const outcome = await clock.run(work.catch((error: unknown) => error));
    assert.equal(outcome instanceof CommitUnknown, name === 'store/commit/unknown');
    assert.equal(ran, runs);
    assert.equal((await store.read.all('select * from line')).length, rows);
  });
}

const events = (count: number): ReturnType<typeof envelope>[] =>
  Array.from({ length: count }, (_, n) =>
    envelope({ id: `${n}`, service: 'desk', event: 'asked', key: n % 2 ? 'odd' : 'even', now: 0, data: n }),
  );

/** What a group gets of twenty events, in order, when this fault strikes. */
async function heard(faults: Faults): Promise<{ readonly got: readonly number[]; readonly rejected: boolean }> {
  const { clock, machine } = world();
  const bus: Bus = await faultyBus(memoryBus(), faults).open(machine);
  const got: number[] = [];
  await bus.subscribe({ topic: 'desk', group: 'a', handle: async ({ data }) => void got.push(data as number) });
  const rejected = await clock.run(
    bus.publish('desk', events(20)).then(
      () => false,
      (error: unknown) => error instanceof BusFault,
    ),
  );
  await clock.advance(600_000);
  return { got, rejected };
}
const firsts = (got: readonly number[]): readonly number[] => [...new Set(got)];
const ordered = (got: readonly number[]): boolean =>
  [0, 1].every((rest) =>
    firsts(got)
      .filter((n) => n % 2 === rest)
      .every((n, index, all) => index === 0 || n > (all[index - 1] as number)),
  );

test('a publish that rejects has published nothing, a prefix or all of the events', async () => {
  assert.deepEqual(await heard(only('bus/publish/lost')), { got: [], rejected: true });
  const torn = await heard(only('bus/publish/torn'));
  assert.ok(torn.rejected && torn.got.length < 20 && Math.max(...torn.got) < 20);
  const unconfirmed = await heard(only('bus/publish/unconfirmed'));
  assert.ok(unconfirmed.rejected && firsts(unconfirmed.got).length === 20);
});

for (const name of [
  'bus/publish/delayed',
  'bus/delivery/delayed',
  'bus/delivery/duplicated',
  'bus/delivery/repeated',
  'bus/member/lost',
] as const) {
  test(`${name}: all events are delivered, in order within each key`, async () => {
    const faults = only(name, 0.5);
    const { got, rejected } = await heard(name === 'bus/publish/delayed' ? only(name) : faults);
    assert.equal(rejected, false);
    assert.equal(firsts(got).length, 20);
    assert.ok(ordered(got), String(got));
    if (name === 'bus/delivery/duplicated' || name === 'bus/delivery/repeated') assert.ok(got.length > 20);
  });
}

test('bus/delivery/overtaken: all events are delivered, out of order within a key', async () => {
  const { got } = await heard(only('bus/delivery/overtaken', 0.5));
  assert.equal(firsts(got).length, 20);
  assert.equal(ordered(got), false);
});
