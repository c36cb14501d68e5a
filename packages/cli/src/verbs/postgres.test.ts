import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Entry } from 'seaworthy/saga';
import { begin, called, type Ended, folder, type Running } from '../command.fixture.ts';
import { dropSchemas, onStoreOf, postgresMissing } from '../harbour-on-postgres.fixture.ts';

const file = fileURLToPath(new URL('../harbour-on-postgres.fixture.ts', import.meta.url));

/** Another machine than that of the fleet: it has the fleet file and the address of the database, and no file of the fleet. */
const elsewhere = folder();
const seaworthy = (...args: readonly string[]): Promise<Ended> => called([...args, '--fleet', file], { cwd: elsewhere.path });
const json = async (...args: readonly string[]): Promise<unknown> => JSON.parse((await seaworthy(...args, '--json')).out);

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** An instance as an engine would have left it whose undo failed ten times. */
const stick = (id: string): Promise<unknown> =>
  onStoreOf('ships', (store) => {
    const journal: readonly Entry[] = [
      { step: 'note', state: 'done', result: { noted: true }, began: 1000, ended: 1000 },
      { step: 'crane', state: 'stuck', began: 1000, ended: 4000, unseen: true, runs: 3, undo: { ended: 9000, runs: 10 } },
    ];
    return store.transaction((tx) =>
      tx.run(
        `insert into sw_saga (id, name, saga_key, plan, input, state, journal, cause, attempts, due, error, owner, started, changed)
          values (?, 'unload', ?, 'local note undo, remote crane undo', '{"name":"Fram","tons":402}', 'stuck', ?, ?, 10, 0, 'broken', '', 1000, 9000)`,
        id,
        id,
        JSON.stringify(journal),
        JSON.stringify({ kind: 'failed', step: 'crane', message: 'no answer' }),
      ),
    );
  });

describe('the command and a fleet on PostgreSQL', { skip: postgresMissing ?? false }, () => {
  const home = folder();
  let running: Running;
  let url = '';

  before(async () => {
    for (const args of [
      ['sagas', 'list'],
      ['dead-letters', 'list'],
    ] as const) {
      const { status, err } = await seaworthy(...args);
      const says = /the database of the fleet has no tables of ships, docks: check its address, or start the fleet there first/;
      assert.deepEqual([status, says.test(err)], [2, true], err);
    }
    running = begin(['start', '--fleet', file, '--dir', join(home.path, 'state')], { env: { PORT: '0' } });
    url = (JSON.parse((await running.printed(/^\{.*"the fleet is running"\}$/m))[0]) as { readonly url: string }).url;
  });
  after(async () => {
    running.child.kill('SIGTERM');
    const { status, err } = await running.ended;
    await dropSchemas();
    home.remove();
    elsewhere.remove();
    assert.deepEqual([status, err], [0, '']);
  });

  test('a dead letter is found, corrected and redriven from elsewhere, and the fleet handles it', async () => {
    const arrived = await fetch(`${url}/ships/Kraken`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"tons":9}',
    });
    assert.equal(arrived.status, 204);
    const letters = async (): Promise<readonly { readonly id: string }[]> => (await json('dead-letters', 'list')) as never;
    await until(async () => (await letters()).length === 1);
    const id = (await letters())[0]?.id as string;
    assert.match((await seaworthy('dead-letters', 'show', id)).out, /there is no berth for the Kraken/);
    assert.equal((await seaworthy('dead-letters', 'edit', id, '--data', '{"name":"Calypso","tons":9}', '--yes')).status, 0);
    assert.match((await seaworthy('dead-letters', 'redrive', id, '--yes')).out, /1 dead letter redriven/);
    await until(async () => ((await (await fetch(`${url}/docks`)).json()) as { ships: string[] }).ships.includes('Calypso'));
    assert.equal((await letters()).length, 0);
  });

  test('a stuck saga is found from elsewhere, and the fleet continues it after a verdict', async () => {
    await stick('fram');
    assert.match((await seaworthy('sagas', 'list', '--state', 'stuck')).out, /fram +ships +unload +stuck +undo of crane/);
    assert.equal((await seaworthy('sagas', 'verdict', 'fram', 'skip', '--by', 'Amundsen', '--yes')).status, 0);
    await until(async () => ((await json('sagas', 'show', 'fram')) as { readonly state: string }).state === 'undone');
    assert.match((await seaworthy('sagas', 'show', 'fram')).out, /verdict skip by Amundsen/);
  });

  test('no verb leaves a file behind, and backup says what to use', async () => {
    const { status, err } = await seaworthy('backup', join(elsewhere.path, 'copy'));
    const says = /no database of the fleet is embedded: back up ships, docks with the tools of their database, such as pg_dump/;
    assert.deepEqual([status, says.test(err)], [2, true], err);
    assert.deepEqual(readdirSync(elsewhere.path), []);
  });
});
