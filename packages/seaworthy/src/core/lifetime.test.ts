import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copied } from './copy.ts';
import { Lifetime, RunOver } from './lifetime.ts';
import type { Observe } from './observe.ts';
import { NotAwaited } from './open-work.ts';

function life(): { readonly run: Lifetime; readonly said: string[] } {
  const said: string[] = [];
  const log: Observe['log'] = (level, message) => void said.push(`${level}: ${message}`);
  return { run: new Lifetime('the run', { log }), said };
}
const never = (): Promise<void> => new Promise(() => {});

test('a run that has returned refuses and logs late use; a run that failed or was abandoned only refuses it', async () => {
  const returned = life();
  const lent = returned.run.lend('double', (n: number) => 2 * n);
  assert.equal(await returned.run.run(() => lent(2)), 4);
  assert.throws(() => lent(2), RunOver);
  void returned.run.use('read', never);
  assert.deepEqual(returned.said, [
    'error: double was used after the run had ended, without effect: await everything before it returns',
    'error: read was used after the run had ended, without effect: await everything before it returns',
  ]);
  const failed = life();
  await assert.rejects(
    failed.run.run(() => Promise.reject(new Error('no'))),
    /no/,
  );
  const given = life();
  void given.run.run(never);
  given.run.end();
  for (const { run, said } of [failed, given]) {
    await assert.rejects(run.use('read', never), RunOver);
    assert.deepEqual(said, []);
  }
});

test('work that a run started must have settled when it returns, and its rejection must have been awaited', async () => {
  const no = (): Promise<never> => Promise.reject(new Error('refused'));
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  /** Begun, and over when the run looks at it. */
  const after = (_begun: Promise<unknown>): Promise<void> => turn();
  const wrong: Readonly<Record<string, (run: Lifetime) => unknown>> = {
    open: ({ watch }) => void watch(() => 'it', never()),
    'open behind one that is done': ({ watch }) => void watch(() => 'it', Promise.resolve()).then(never),
    rejected: ({ watch }) => after(watch(() => 'it', no())),
    'rejected and used': ({ watch }) => after(watch(() => 'it', no()).then(() => {})),
    'rejected and ended': ({ watch }) => after(watch(() => 'it', no()).finally(() => {})),
    'rejected behind one that is done': ({ watch }) => after(watch(() => 'it', Promise.resolve()).then(no)),
  };
  for (const [how, work] of Object.entries(wrong)) {
    const { run } = life();
    const bound = { watch: run.watch.bind(run) } as Lifetime;
    await assert.rejects(
      run.run(() => work(bound)),
      (error: unknown) => error instanceof NotAwaited && /the run ended .*it/.test(error.message),
      how,
    );
  }
  const right: Readonly<Record<string, (run: Lifetime) => unknown>> = {
    awaited: (run) => run.watch(() => 'it', Promise.resolve(1)),
    caught: (run) => run.watch(() => 'it', no()).catch(() => 1),
    'settled together': (run) => Promise.allSettled([run.watch(() => 'it', no()), run.watch(() => 'it', Promise.resolve())]),
    'lost a race that it was in': (run) => Promise.race([turn(), run.watch(() => 'it', Promise.resolve())]),
    'done and not awaited': (run) => after(run.watch(() => 'it', Promise.resolve())),
  };
  for (const work of Object.values(right)) {
    const { run } = life();
    await run.run(() => work(run));
  }
});

test('a copy shares nothing with its value except values that cannot be copied', () => {
  class Kept {}
  const kept = new Kept();
  const ring: Record<string, unknown> = { list: [{ n: 1 }], at: new Date(5), kept, none: null, bare: Object.create(null) };
  ring['self'] = ring;
  const copy = copied(ring);
  assert.deepEqual(copy, ring);
  assert.notEqual(copy, ring);
  assert.equal(copy['self'], copy);
  assert.equal(copy['kept'], kept);
  for (const name of ['list', 'at', 'bare']) assert.notEqual(copy[name], ring[name]);
  const named = copied(JSON.parse('{"__proto__": {"a": 1}}') as object);
  assert.deepEqual(Object.keys(named), ['__proto__']);
  assert.equal(Object.getPrototypeOf(named), Object.prototype);
});
