import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { after, before, test } from 'node:test';
import { runtime } from 'seaworthy/core';
import { launch, launchOf } from 'seaworthy/fleet';
import { type Entry, sagaOf } from 'seaworthy/saga';
import type { Store } from 'seaworthy/store';
import { sqlite } from 'seaworthy/store/sqlite';
import { called, type Ended, folder, harbour, seaworthy } from '../command.fixture.ts';
import makeHarbour, { ships } from '../harbour-fleet.fixture.ts';

const { path: dir, remove } = folder();
after(remove);

const line = (args: readonly string[]): readonly string[] => ['sagas', ...args, '--fleet', harbour, '--dir', dir];
const sagas = (...args: string[]): Promise<Ended> => called(line(args));
/** Runs the command in its own process. */
const alone = (...args: string[]): Promise<Ended> => seaworthy(line(args));

async function onShips<V>(work: (store: Store) => Promise<V>): Promise<V> {
  const store = await sqlite({ dir }).open('ships', runtime());
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** An instance as an engine would have left it whose undo failed ten times. */
const stick = (id: string): Promise<void> =>
  onShips((store) =>
    store.transaction(async (tx) => {
      const journal: readonly Entry[] = [
        { step: 'note', state: 'done', result: { noted: true }, began: 1000, ended: 1000 },
        {
          step: 'crane',
          state: 'stuck',
          began: 1000,
          ended: 4000,
          unseen: true,
          runs: 3,
          error: 'no answer',
          undo: { ended: 9000, runs: 10, error: 'the crane is broken' },
        },
      ];
      await tx.run(
        `insert into sw_saga (id, name, saga_key, plan, input, state, journal, cause, attempts, due, error, owner, started, changed)
          values (?, 'unload', ?, 'local note undo, remote crane undo', '{"name":"Fram","tons":402}', 'stuck', ?, ?, 10, 0, 'the crane is broken', '', 1000, 9000)`,
        id,
        id,
        JSON.stringify(journal),
        JSON.stringify({ kind: 'failed', step: 'crane', message: 'no answer' }),
      );
    }),
  );
/** One whose second step was refused, so that the first was undone. */
const refuse = (id: string): Promise<void> =>
  onShips((store) =>
    store.transaction(async (tx) => {
      const journal: readonly Entry[] = [
        { step: 'note', state: 'undone', began: 1000, ended: 1000, undo: { ended: 3000, runs: 1 } },
        { step: 'crane', state: 'refused', began: 1000, ended: 2000 },
      ];
      await tx.run(
        `insert into sw_saga (id, name, saga_key, plan, input, state, journal, cause, attempts, due, owner, started, changed)
          values (?, 'unload', ?, 'local note undo, remote crane undo', '{}', 'undone', ?, ?, 0, 0, '', 1000, 3000)`,
        id,
        id,
        JSON.stringify(journal),
        JSON.stringify({ kind: 'declared', step: 'crane', name: 'Closed' }),
      );
    }),
  );
/** One whose first step has failed and waits for a minute, with an hour for the whole. */
const delay = (id: string): Promise<void> =>
  onShips((store) =>
    store.transaction(async (tx) => {
      const journal: readonly Entry[] = [
        { step: 'note', state: 'done', began: 1000, ended: 1000 },
        { step: 'crane', state: 'intended', began: 1000 },
      ];
      const now = Date.now();
      await tx.run(
        `insert into sw_saga (id, name, saga_key, plan, input, state, journal, attempts, due, error, owner, started, changed, deadline, until)
          values (?, 'unload', ?, 'local note undo, remote crane undo', '{}', 'running', ?, 2, ?, 'no answer', '', ?, ?, ?, ?)`,
        ...[id, id, JSON.stringify(journal), now + 60_000, now, now, 3_600_000, now + 3_600_000],
      );
    }),
  );
const stateOf = (id: string): Promise<string | undefined> => onShips(async (store) => (await sagaOf(store.read, id))?.state);

before(async () => {
  const running = await launch(await launchOf(makeHarbour), { dir, logLevel: 'silent' });
  await running.call(ships.arrive, { name: 'Beagle', tons: 235 });
  while ((await onShips((store) => store.read.all("select 1 from sw_saga where state = 'done'"))).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await running.stop();
  for (const id of ['fram', 'gjoa', 'maud']) await stick(id);
  await refuse('belgica');
});

test('list prints the sagas of all services, the newest first, and filters by state', async () => {
  const { out, status } = await alone('list');
  assert.equal(status, 0);
  assert.match(out, /ships +unload +Beagle +done +crane +[\d.]+ m?s ago\n/);
  assert.match(out, /^id +service +saga +key +state +at +started +error or cause\n/);
  assert.match(out, /fram +ships +unload +stuck +undo of crane +\d+ d ago +the crane is broken\n/);
  assert.match(out, /belgica +ships +unload +undone +crane +\d+ d ago +crane was refused: Closed\n/);
  const stuck = JSON.parse((await sagas('list', '--state', 'stuck', '--json')).out) as readonly { readonly id: string }[];
  assert.deepEqual(stuck.map(({ id }) => id).sort(), ['fram', 'gjoa', 'maud']);
  assert.equal((await sagas('list', '--key', 'nobody')).out, 'no sagas found\n');
});

test('show prints the timeline: steps, runs, errors, undos, and what the saga waits for', async () => {
  const { out } = await alone('show', 'fram');
  assert.match(
    out,
    /^ships · unload {2}fram\nstate {3}stuck for .*\nstarted 1970-01-01T00:00:01\.000Z\ninput {3}\{"name":"Fram","tons":402\}\ncause {3}crane failed: no answer\n/,
  );
  const lines = out
    .split('\n')
    .slice(6)
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(/ +/g, ' ').trim());
  assert.deepEqual(lines, [
    '+0 ms ✓ note {"noted":true}',
    '+3 s ? crane outcome never seen, 3 s, 3 runs',
    'no answer',
    '+8 s ! crane undo is stuck, 10 runs',
    'the crane is broken',
    'waits for a verdict: seaworthy sagas verdict fram retry|skip|result',
  ]);
  const list = JSON.parse((await sagas('list', '--state', 'done', '--json')).out) as readonly { readonly id: string }[];
  const done = (await sagas('show', list[0]?.id ?? '')).out;
  assert.match(done, /✓ note +\{"noted":true\}[\s\S]*✓ crane[\s\S]*■ done\n/);
});

test('verdict prints what it would do, and gives the verdict with --yes', async () => {
  const dry = await sagas('verdict', 'fram', 'skip');
  assert.match(dry.out, /unload fram is stuck at crane: the crane is broken\nits undo would be skipped.*nothing was changed: add --yes/);
  assert.equal(await stateOf('fram'), 'stuck');
  assert.equal((await alone('verdict', 'fram', 'skip', '--by', 'Amundsen', '--yes')).status, 0);
  assert.equal((await sagas('verdict', 'gjoa', 'retry', '--yes')).status, 0);
  const told = await sagas('verdict', 'maud', 'result', '{"papers":{"code":"sesame-maud"},"hook":"sesame-hook","name":"Maud"}', '--json');
  assert.deepEqual(JSON.parse(told.out).verdict, { kind: 'result', result: { papers: { code: '***' }, hook: '***', name: 'Maud' } });
  const invalid = await sagas('verdict', 'maud', 'result', '{"code":"sesame-maud" 7}');
  assert.ok(invalid.status === 2 && !`${invalid.out}${invalid.err}`.includes('sesame'), invalid.err);
  assert.equal((await sagas('verdict', 'maud', 'result', '{"hook":3}', '--yes')).status, 0);
  for (const id of ['fram', 'gjoa', 'maud']) assert.equal(await stateOf(id), 'undoing');
  const { journal = [] } = (await onShips((store) => sagaOf(store.read, 'maud'))) ?? {};
  assert.deepEqual(journal[1]?.result, { hook: 3 });
  assert.equal(journal[1]?.verdicts?.[0]?.by, userInfo().username);
  assert.match(
    (await sagas('show', 'fram')).out,
    /! crane +undo was stuck, 10 runs\n +the crane is broken\n.* » crane +verdict skip by Amundsen\n/,
  );
  assert.equal((await onShips((store) => sagaOf(store.read, 'fram')))?.journal[1]?.state, 'skipped');
});

test('stop prints what it would do, and stops the saga with --yes; the timeline has deadline, reason and name', async () => {
  await delay('discovery');
  assert.match((await sagas('show', 'discovery')).out, /\ndeadline after 1 h, in [\d.]+ (min|h)\n/);
  const dry = await sagas('stop', 'discovery', '--reason', 'the port is closed');
  assert.match(dry.out, /unload discovery runs, and is at crane\nit would be stopped and undone; nothing was changed: add --yes/);
  assert.equal((await onShips((store) => sagaOf(store.read, 'discovery')))?.stopping, undefined);
  assert.equal((await alone('stop', 'discovery', '--reason', 'the port is closed', '--by', 'Scott', '--yes')).status, 0);
  assert.match((await sagas('show', 'discovery')).out, /cause +to be undone: stopped by Scott: the port is closed\n/);
  await delay('terra');
  assert.equal((await sagas('stop', 'terra', '--reason', 'fog', '--yes')).status, 0);
  const stopping = (await onShips((store) => sagaOf(store.read, 'terra')))?.stopping;
  assert.deepEqual(stopping, { kind: 'stopped', reason: 'fog', by: userInfo().username });
});

test('retry makes a waiting saga continue, and retries a stuck undo', async () => {
  await delay('endurance');
  const dry = await sagas('retry', 'endurance');
  assert.match(dry.out, /unload endurance waits [\d.]+ \w+ for crane: no answer\nit would continue now; nothing was changed: add --yes/);
  const dueOf = async (): Promise<number> => (await onShips((store) => sagaOf(store.read, 'endurance')))?.due ?? Number.NaN;
  assert.ok((await dueOf()) > Date.now());
  assert.equal((await alone('retry', 'endurance', '--yes')).status, 0);
  assert.ok((await dueOf()) <= Date.now());
  await stick('aurora');
  assert.match(
    (await sagas('retry', 'aurora')).out,
    /unload aurora is stuck at undo of crane: the crane is broken\nits undo would be retried/,
  );
  assert.equal(await stateOf('aurora'), 'stuck');
  assert.equal((await sagas('retry', 'aurora', '--by', 'Shackleton', '--yes')).status, 0);
  assert.equal((await onShips((store) => sagaOf(store.read, 'aurora')))?.journal[1]?.verdicts?.[0]?.by, 'Shackleton');
});

test('wrong arguments of sagas end with 2, an unknown saga or one in another state with 1', async () => {
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['verdict', 'x', 'guess'], 2, /Allowed choices are retry, skip, result/],
    [['verdict', 'x', 'result'], 2, /the verdict result was given without a result; .* ID result JSON/],
    [['verdict', 'x', 'retry', '1'], 2, /the verdict retry was given a result; .*: leave the JSON out/],
    [['verdict', 'x', 'result', '{'], 2, /the result is not JSON/],
    [['stop', 'x'], 2, /required option '--reason <text>' not specified/],
    [['stop', 'x', '--reason', ' '], 2, /--reason is empty/],
    [['stop', 'x', '--reason', 'fog'], 1, /there is no saga x in ships, docks/],
    [['retry', 'x'], 1, /there is no saga x in ships, docks/],
    [['stop', 'belgica', '--reason', 'fog'], 1, /has ended, and is undone.*SW_SAGA_NOT_RUNNING/],
    [['stop', 'aurora', '--reason', 'fog', '--yes'], 1, /is being undone already.*SW_SAGA_NOT_RUNNING/],
    [['stop', 'terra', '--reason', 'fog'], 1, /is stopped already, and will be undone: stopped by .*: fog.*SW_SAGA_NOT_RUNNING/],
    [['retry', 'belgica'], 1, /has ended, and is undone.*SW_SAGA_NOT_WAITING/],
    [['retry', 'endurance', '--yes'], 1, /does not wait.*SW_SAGA_NOT_WAITING/],
    [['show', 'x'], 1, /there is no saga x in ships, docks: .*--key KEY/],
    [['list', '--state', 'lost'], 2, /Allowed choices are running/],
    [['list', '--limit', '0'], 2, /--limit must be a whole number from 1 to 999999, got "0"/],
  ];
  for (const [args, status, message] of wrong) {
    const ended = await sagas(...args);
    assert.equal(ended.status, status, `${args.join(' ')}: ${ended.out}${ended.err}`);
    assert.match(ended.err, message);
  }
  const list = JSON.parse((await sagas('list', '--state', 'done', '--json')).out) as readonly { readonly id: string }[];
  const ended = await alone('verdict', list[0]?.id ?? '', 'retry');
  assert.deepEqual([ended.status, /no saga .* is stuck; only a stuck saga takes a verdict.*SW_SAGA_NOT_STUCK/.test(ended.err)], [1, true]);
});
