import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runtime } from 'seaworthy/core';
import { launch, launchOf } from 'seaworthy/fleet';
import { deadLetters } from 'seaworthy/outbox';
import { sqlite } from 'seaworthy/store/sqlite';
import { called, type Ended, folder, harbour, seaworthy } from '../command.fixture.ts';
import makeHarbour, { docks, ships } from '../harbour-fleet.fixture.ts';

const { path: dir, remove } = folder();
after(remove);

const line = (args: readonly string[]): readonly string[] => ['dead-letters', ...args, '--fleet', harbour, '--dir', dir];
const letters = (...args: string[]): Promise<Ended> => called(line(args));
/** Runs the command in its own process. */
const alone = (...args: string[]): Promise<Ended> => seaworthy(line(args));
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await letters(...args, '--json')).out);
interface Letter {
  readonly id: string;
  readonly key: string;
}
const known = async (): Promise<readonly Letter[]> => (await json('list')) as readonly Letter[];
const idOf = async (key: string): Promise<string> =>
  (await known()).find((one) => one.key === key)?.id ?? assert.fail(`no dead letter of ${key}`);

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Runs the fleet until `holds` accepts the number of dead letters of docks. */
async function runUntil(
  holds: (count: number) => boolean,
  work: (call: Awaited<ReturnType<typeof launch>>['call']) => Promise<void>,
): Promise<void> {
  const running = await launch(await launchOf(makeHarbour), { dir, logLevel: 'silent' });
  await work(running.call);
  const store = await sqlite({ dir }).open('docks', runtime());
  await until(async () => holds((await deadLetters(store, runtime()).list()).length));
  await store.close();
  await running.stop();
}

const papers = { port: 'Kiel', code: 'sesame-shadow' };

before(() =>
  runUntil(
    (count) => count === 3,
    async (call) => {
      for (const [name, tons] of [
        ['Kraken', 9],
        ['Ghost', 0],
        ['Shadow', 0],
        ['Beagle', 235],
      ] as const)
        await call(ships.arrive, { name, tons, ...(name === 'Shadow' && { papers }) });
    },
  ),
);

test('list prints dead letters in aligned columns and filters them', async () => {
  const { out, status } = await alone('list');
  assert.equal(status, 0);
  assert.match(out, /^id +service +event +key +reason +attempts +since +error$/m);
  assert.match(out, /docks +ships\.arrived +Kraken +failed +2 +[\d.]+ m?s ago +Error: there is no berth for the Kraken$/m);
  assert.match(out, /docks +ships\.arrived +Ghost +poison +1 /);
  const filtered = (await json('list', '--reason', 'poison', '--key', 'Ghost')) as readonly Letter[];
  assert.deepEqual(
    filtered.map(({ key }) => key),
    ['Ghost'],
  );
  assert.match((await letters('list', '--limit', '1')).out, /1 of 3; see more with --limit/);
  assert.equal((await letters('list', '--type', 'ships.left')).out, 'there are no dead letters\n');
});

test('show prints the data and each attempt', async () => {
  const { out } = await alone('show', await idOf('Kraken'));
  assert.match(out, /^published +20\d\d-/m);
  assert.match(out, /"name": "Kraken"/);
  assert.match(out, /^ {2}1 {2}[\d:.]{12} {2}Error: there is no berth[\s\S]*^ {2}2 {2}[\d:.]{12} {2}Error: there is no berth/m);
  assert.match((await letters('show', await idOf('Ghost'))).out, /tons: .*>=1/);
});

test('edit prints the change, refuses data that break the contract, and makes the change with --yes', async () => {
  const id = await idOf('Ghost');
  const dry = await letters('edit', id, '--data', '{"name":"Ghost","tons":7}');
  assert.equal(dry.status, 0);
  assert.match(dry.out, /^- +"tons": 0$/m);
  assert.match(dry.out, /^\+ +"tons": 7$/m);
  assert.match(dry.out, /nothing was changed: add --yes/);
  assert.match((await letters('show', id)).out, /"tons": 0/);
  const refused = await letters('edit', id, '--data', '{"name":"Ghost","tons":-1}', '--yes');
  assert.deepEqual([refused.status, /breaks the contract of ships\.arrived \(tons: /.test(refused.err)], [2, true]);
  const file = join(dir, 'data.json');
  writeFileSync(file, '{"name":"Ghost","tons":7}');
  assert.equal((await alone('edit', id, '--file', file, '--yes')).status, 0);
  assert.match((await letters('show', id)).out, /"tons": 7/);
});

test('edit shows inserted, removed and moved lines in their position, also among equal lines', async () => {
  const id = await idOf('Kraken');
  const { out } = await letters('edit', id, '--data', '{"tons":9,"name":"Kraken","tags":["a","a","b"]}');
  assert.equal(
    out.slice(0, out.indexOf('the data of')),
    [
      '  {',
      '+   "tons": 9,',
      '    "name": "Kraken",',
      '-   "tons": 9',
      '+   "tags": [',
      '+     "a",',
      '+     "a",',
      '+     "b"',
      '+   ]',
      '  }',
      '',
    ].join('\n'),
  );
});

test('secrets are shown as ***, and an edit with *** keeps their values', async () => {
  const id = await idOf('Shadow');
  const saga = (await called(['sagas', 'list', '--key', 'Shadow', '--json', '--fleet', harbour, '--dir', dir])).out;
  const edit = ['edit', id, '--data', '{"name":"Shadow","tons":5,"papers":{"port":"Lagos","code":"***"}}'];
  const shown = [
    await letters('show', id),
    await letters('show', id, '--json'),
    await letters(...edit),
    await letters(...edit, '--yes', '--json'),
  ];
  for (const { out } of shown) assert.match(out, /"code": ?"\*\*\*"/);
  for (const out of [saga, ...shown.map((one) => one.out)]) assert.doesNotMatch(out, /sesame/);
  assert.match(saga, /Kiel/);
  const wrong = [
    await letters('edit', id, '--data', '{"name":"Shadow","tons":0,"papers":{"port":"Lagos","code":"***"}}'),
    await letters('edit', id, '--data', '{"name":"Shadow","tons":5,"papers":{"port":"Lagos","code":"sesame-wrong"}}'),
    await letters('edit', id, '--data', '{"code":sesame-wrong}'),
  ];
  for (const { status, out, err } of wrong) assert.ok(status === 2 && !`${out}${err}`.includes('sesame'), `${out}${err}`);
  assert.match(wrong[1]?.err ?? '', /breaks the contract of ships\.arrived \(papers\.code: .*\*\*\*/);
  assert.match(shown[2]?.out ?? '', /secrets are shown as \*\*\*; a \*\*\* in the new data keeps the secret/);
  const store = await sqlite({ dir }).open('docks', runtime());
  const { envelope } = await deadLetters(store, runtime()).show(id);
  await store.close();
  assert.deepEqual(envelope?.data, { name: 'Shadow', tons: 5, papers: { port: 'Lagos', code: 'sesame-shadow' } });
});

test('drop and redrive print what they would do; the next fleet handles redriven events', async () => {
  const dry = await letters('redrive', '--key', 'Ghost');
  assert.match(dry.out, /1 dead letter would be redriven; nothing was changed: add --yes/);
  assert.equal((await known()).length, 3);
  assert.match((await alone('drop', await idOf('Shadow'), '--yes')).out, /1 dead letter deleted/);
  assert.match((await alone('redrive', '--reason', 'poison', '--yes')).out, /1 dead letter redriven/);
  assert.deepEqual(
    (await known()).map(({ key }) => key),
    ['Kraken'],
  );
  await runUntil(
    () => true,
    (call) => until(async () => (await call(docks.berths, {})).ships.join() === 'Beagle,Ghost'),
  );
});

test('wrong arguments of dead-letters end with 2 and advice, an unknown id with 1', async () => {
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['drop'], 2, /name the dead letters to drop: ids, --service/],
    [['edit', 'x'], 2, /either --data JSON or --file FILE/],
    [['edit', 'x', '--data', '{'], 2, /--data is not JSON/],
    [['edit', 'x', '--file', '/nowhere'], 2, /\/nowhere cannot be read/],
    [['list', '--service', 'ship'], 2, /the fleet has no service ship: it has ships, docks/],
    [['list', '--reason', 'why'], 2, /Allowed choices are failed, poison, expired, unhandled, crashed, unreadable/],
    [['list', '--limit', 'all'], 2, /--limit must be a whole number from 1 to 999999, got "all"/],
    [['list', '--older-than', 'long'], 2, /--older-than is "long": write a number and a unit \(ms, s, m, h or d\), such as '2s'/],
    [['list', '--older-than', '99999d'], 2, /--older-than is 99999d, longer than a hundred years: write at most/],
    [['list', '--yes'], 2, /unknown option '--yes'/],
    [['show'], 2, /missing required argument 'id'/],
    [['show', 'x'], 1, /there is no dead letter x/],
    [['redrive', 'x', '--yes'], 1, /there is no dead letter x/],
  ];
  for (const [args, status, message] of wrong) {
    const ended = await letters(...args);
    assert.equal(ended.status, status, `${args.join(' ')}: ${ended.out}${ended.err}`);
    assert.match(ended.err, message);
  }
  const elsewhere = await seaworthy(['dead-letters', 'list', '--fleet', harbour, '--dir', join(dir, 'nothing')]);
  assert.equal(elsewhere.status, 2);
  assert.match(elsewhere.err, /has no database of ships, docks: name the folder of the fleet with --dir/);
});
