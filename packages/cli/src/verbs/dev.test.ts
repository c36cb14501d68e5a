import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { begin, called, folder, harbour, seaworthy } from '../command.fixture.ts';

const { path: dir, remove } = folder();
after(remove);
symlinkSync(fileURLToPath(new URL('../../../../node_modules', import.meta.url)), join(dir, 'node_modules'));
writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
const own = join(dir, 'fleet.ts');

test('dev prints routes, calls, events, sagas and errors; after a change it restarts with the same state and port', async () => {
  const text = readFileSync(harbour, 'utf8');
  // One ship meets a mistake in SQL; at another one the crane fails once.
  const mishaps = text
    .replace('start, fail })', 'start, fail, tx })')
    .replace("throw fail('Sunk');", "throw fail('Sunk');\n if (input.name === 'Marie Celeste') return tx.run('select nobody') as never;")
    .replace(
      'do: ({ input, call }) => call(docks.load, input)',
      "do: ({ input, call }) => {\n if (input.name === 'Vasa' && loads++ === 0) throw new Error('the crane slipped');\n return call(docks.load, input); }",
    );
  writeFileSync(own, `let loads = 0;\n${mishaps}`);
  const lineOf = (part: string): number => mishaps.split('\n').findIndex((one) => one.includes(part)) + 2;
  const running = begin(['dev', '--port', '0'], { cwd: dir });
  try {
    const [, url = ''] = await running.printed(/^ {2}(http:\S+)$/m);
    await running.printed(/^ {2}ships {2}publishes {2}arrived$/m);
    await running.printed(/^ {4}POST {2}\/ships\/\{name\} {2}ships\.arrive$/m);
    const post = (name: string): Promise<number> =>
      fetch(`${url}/ships/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': name.toLowerCase().replace(' ', '-') },
        body: '{"tons":235}',
      }).then(({ status }) => status);
    assert.deepEqual(
      [await post('Beagle'), await post('Titanic'), await post('Kraken'), await post('Vasa'), await post('Argo')],
      [204, 410, 204, 204, 204],
    );
    assert.ok((await post('Marie Celeste')) >= 500);
    const wrong = await fetch(`${url}/ships/Smuggler`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"tons":1.5,"papers":{"port":"Kiel","code":"sesame-secret"}}',
    });
    assert.equal(wrong.status, 400);
    const smuggled = await fetch(`${url}/ships/Shadow`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"tons":0,"papers":{"port":"Kiel","code":"sesame-secret-wrong"}}',
    });
    assert.equal(smuggled.status, 204);
    const time = '^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} {2}';
    for (const line of [
      'http   gateway  POST /ships/\\{name\\} +204 +[\\d.]+ ms$',
      'http   gateway  POST /ships/\\{name\\} +410 +[\\d.]+ ms$',
      'call   ships    ships\\.arrive +output +[\\d.]+ ms$',
      'call   ships    ships\\.arrive +declared +[\\d.]+ ms  Sunk key=titanic$',
      'event  ships    ships\\.arrived +published',
      'info   ships    the saga unload was undone: crane was refused: Full id=.* key=Argo$',
      'event  docks    ships\\.arrived +handled +[\\d.]+ ms$',
      // The secret is left out of the data that break the contract.
      'event  docks    ships\\.arrived +dead_letter +[\\d.]+ ms$',
      'warn   docks    ships\\.arrived became a dead letter .*\\n +.*tons: .*papers\\.code: \\*\\*\\* is not a code',
      'retry  docks    ships\\.arrived +dead_letter +[\\d.]+ ms$',
      'saga   ships    unload +done$',
      // Errors have their line in the user's own file, although the toolkit is linked.
      `warn   docks    ships\\.arrived was parked .*\\n +there is no berth for the Kraken\\n +at fleet\\.ts:${lineOf('no berth')}:\\d+$`,
      `warn   ships    the step crane of unload failed; retrying .*\\n +the crane slipped\\n +at fleet\\.ts:${lineOf('the crane slipped')}:\\d+$`,
      `error  ships    ships\\.arrive failed\\n +no such column: nobody, in: select nobody \\(SW_STORE_STATEMENT_FAILED\\)\\n +at fleet\\.ts:${lineOf('select nobody')}:\\d+$`,
      // The gateway retried the call.
      'error  ships    ships\\.arrive failed \\(the same error as at [\\d:.]+\\)$',
    ])
      await running.printed(new RegExp(time + line, 'm'));

    writeFileSync(own, 'export default {;\n');
    await running.printed(/fleet\.ts changed; restarting$/m);
    await running.printed(/the fleet ended with 1; restarting when a file changes$/m);
    writeFileSync(own, text.replace('order by ship', 'order by ship desc'));
    await running.printed(new RegExp(`${url}\\n[\\s\\S]*restarting when[\\s\\S]*${url}\\n`));
    assert.equal(await post('Discovery'), 204);
    await running.printed(new RegExp(`restarting when[\\s\\S]*${'event  docks    ships\\.arrived +handled'}`));
    assert.deepEqual(await (await fetch(`${url}/docks`)).json(), { ships: ['Vasa', 'Discovery', 'Beagle', 'Argo'] });
  } finally {
    running.child.kill('SIGINT');
  }
  assert.equal((await running.ended).status, 0);
  assert.ok(!(await running.ended).out.includes('sesame'));
  assert.match((await running.ended).err, /fleet\.ts cannot be loaded: .*\n {2}at fleet\.ts:1\n/);
});

test('dev refuses a missing file and unknown options', async () => {
  const missing = await seaworthy(['dev', 'nothere.ts'], { cwd: dir });
  assert.deepEqual([missing.status, /there is no file .*nothere\.ts/.test(missing.err)], [2, true]);
  assert.equal((await called(['dev', '--watch'], { cwd: dir })).status, 2);
  assert.equal((await called(['dev', '--port', 'x', harbour], { cwd: dir })).status, 2);
});
