import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import type { Bus } from '../bus/bus.ts';
import { memory as memoryBus } from '../bus/drivers/memory.ts';
import { Failure } from '../client/call.ts';
import { type Caller, caller } from '../client/caller.ts';
import { CallFailed, Unreachable } from '../client/errors.ts';
import type { Transport } from '../client/transport.ts';
import { http } from '../client/transports/http.ts';
import { local } from '../client/transports/local.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { Deadline, DeadlineExceeded } from '../core/deadline.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import { type Runtime, runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import { failedReply } from '../http/reply.ts';
import { type HttpServer, httpServer } from '../http/server.ts';
import { policyOn } from '../resilience/policy.ts';
import { memory } from '../store/drivers/memory.ts';
import { sqlite } from '../store/drivers/sqlite.ts';
import type { StoreDriver } from '../store/store.ts';
import { ServiceUnready } from './errors.ts';
import { external } from './handler.ts';
import { type RunningService, run } from './lifecycle.ts';
import { service } from './service.ts';
import { operationRoutes } from './transports/http.ts';

const Ref = z.object({ id: z.string().min(1) });
const desk = contract('desk', {
  write: command({
    http: 'PUT /notes/{id}',
    input: z.object({ id: z.string(), text: z.string().default('empty') }),
    output: z.object({ id: z.string(), runs: z.int() }),
    errors: { Refused: { status: 409, data: z.object({ why: z.string() }) } },
  }),
  erase: command({ http: 'DELETE /notes/{id}', input: Ref }),
  reach: command({ http: 'POST /reach', input: Ref, output: z.object({ outcome: z.string() }), errors: { No: { status: 402 } } }),
  note: query({ http: 'GET /notes/{id}', input: Ref, output: z.object({ text: z.string() }), errors: { NotFound: { status: 404 } } }),
  search: query({
    http: 'GET /notes',
    input: z.object({
      text: z.string().optional(),
      limit: z.int().max(10).default(3),
      tags: z.array(z.string()).optional(),
      exact: z.boolean().optional(),
    }),
    output: z.object({ asked: z.unknown() }),
  }),
  pick: query({ http: 'GET /pick', input: z.object({ from: z.array(z.int()) }), output: z.object({ from: z.array(z.int()) }) }),
  hang: query({ http: 'GET /hang', input: z.object({}), output: z.object({}) }),
  fall: command({ http: 'POST /fall', input: z.object({ name: z.string() }) }),
  lie: query({ http: 'GET /lie', input: z.object({}), output: z.object({ n: z.int() }) }),
  written: event({ key: 'id', data: Ref }),
});

/** What the handlers do beside their rows, as a test sets it. */
interface Backstage {
  runs: number;
  write: (input: { readonly id: string; readonly text: string }) => void | Promise<void>;
  reach: (key: string, signal: AbortSignal) => unknown;
  hung: AbortSignal | undefined;
}

const deskService = (stage: Backstage) =>
  service(desk, {
    migrations: [{ name: 'desk/1', statements: ['create table note (id text primary key, text text not null)'] }],
    handlers: {
      async write({ input, tx, publish, fail }) {
        stage.runs++;
        await tx.run('insert into note (id, text) values (?, ?) on conflict (id) do update set text = excluded.text', input.id, input.text);
        publish('written', { id: input.id });
        if (input.text === 'refuse') throw fail('Refused', { why: 'asked for' });
        await stage.write(input);
        return { id: input.id, runs: stage.runs };
      },
      async erase({ input, tx }) {
        await tx.run('delete from note where id = ?', input.id);
      },
      reach: external({
        timeout: '1s',
        before: ({ input }) => ({ asked: input.id }),
        do: ({ key, signal }) => stage.reach(key, signal),
        async after({ intent, outcome, tx, fail }) {
          if (outcome === 'no') throw fail('No');
          await tx.run('insert into note (id, text) values (?, ?)', intent.asked, String(outcome));
          return { outcome: String(outcome) };
        },
      }),
      async note({ input, read, fail }) {
        const [row] = await read.all('select text from note where id = ?', input.id);
        if (!row) throw fail('NotFound');
        return { text: String(row['text']) };
      },
      search: ({ input }) => ({ asked: input }),
      pick: ({ input }) => input,
      hang: {
        remote: ({ signal }) => {
          stage.hung = signal;
          return new Promise<never>(() => {});
        },
      },
      fall({ input }) {
        throw new Failure(input.name, undefined);
      },
      lie: () => ({ n: 'no number' as unknown as number }),
    },
  });

interface Sea {
  readonly stage: Backstage;
  readonly rt: Runtime;
  readonly running: RunningService;
  readonly call: Caller;
  readonly url: string;
}

const root = mkdtempSync(join(tmpdir(), 'seaworthy-service-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

/** Waits for something that happens in this process, without looking at the time. */
async function until(what: string, holds: () => boolean): Promise<void> {
  for (let round = 0; round < 20_000; round++) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail(`it never came to be that ${what}`);
}

const ways: readonly (readonly [string, () => StoreDriver, (sea: { url: string; running: RunningService }) => Transport])[] = [
  ['in process, on sqlite', () => sqlite({ dir: join(root, String(folder++)) }), ({ running }) => local('desk', () => running.endpoint)],
  ['in process, on conflicting memory', memory, ({ running }) => local('desk', () => running.endpoint)],
  ['over HTTP, on sqlite', () => sqlite({ dir: join(root, String(folder++)) }), ({ url }) => http(url)],
];

for (const [way, driver, transportTo] of ways) {
  describe(`calls ${way}`, () => {
    const stage: Backstage = { runs: 0, write: () => {}, reach: () => 'yes', hung: undefined };
    let sea: Sea;
    let server: HttpServer;
    let bus: Bus;
    let transport: Transport;

    before(async () => {
      const rt = runtime();
      bus = await memoryBus().open(rt);
      const definition = deskService(stage);
      const running = await run(definition, { runtime: rt, store: driver(), bus, call: (() => assert.fail('it calls nobody')) as never });
      server = await httpServer({ routes: operationRoutes(desk, running.endpoint, rt), failed: (error) => failedReply(rt, error) });
      await running.begin();
      transport = transportTo({ url: server.url, running });
      // One attempt each: what is tried again is the policy's matter, and tested there.
      const call = caller({ runtime: rt, transportOf: () => transport, policyOf: () => policyOn(rt) });
      sea = { stage, rt, running, call, url: server.url };
    });
    after(async () => {
      const at = new AbortController();
      await transport.close();
      await server.close(AbortSignal.abort());
      await sea.running.quiesce(at.signal);
      await sea.running.close(AbortSignal.abort(new Error('the test is over')));
      await bus.close();
    });
    const failsWith = (code: string, status: number) => (error: unknown) => {
      assert.ok(error instanceof CallFailed, String(error));
      assert.deepEqual([error.problem.code, error.problem.status], [code, status], error.message);
      return true;
    };

    test('a command changes, a query sees it; defaults are applied by the service', async () => {
      await sea.call(desk.write, { id: 'a/ä %' });
      assert.deepEqual(await sea.call(desk.note, { id: 'a/ä %' }), { text: 'empty' });
      assert.equal(await sea.call(desk.erase, { id: 'a/ä %' }), undefined);
    });

    test('a declared error comes as one, thrown or as a value; nothing of its handler is left', async () => {
      await assert.rejects(
        sea.call(desk.write, { id: 'd', text: 'refuse' }),
        (error: unknown) => error instanceof Failure && (error.data as { why: string }).why === 'asked for',
      );
      const outcome = await sea.call(desk.write, { id: 'd', text: 'refuse' }).outcome();
      assert.deepEqual(outcome.ok ? outcome : [outcome.error.name, outcome.error.data], ['Refused', { why: 'asked for' }]);
      await assert.rejects(sea.call(desk.note, { id: 'd' }), (error: unknown) => error instanceof Failure && error.name === 'NotFound');
    });

    test('G14: wrong input is refused with each field and its rule', async () => {
      const refused = (place: string) => (error: unknown) => {
        assert.ok(failsWith('SW_INPUT_INVALID', 400)(error));
        assert.ok((error as CallFailed).problem.issues?.some(({ path }) => path === place));
        return true;
      };
      await assert.rejects(sea.call(desk.search, { limit: 11 }), refused('limit'));
      await assert.rejects(sea.call(desk.search, { limit: 1, text: 5 as unknown as string }), refused('text'));
    });

    for (const id of ['', '.', '..', '\ud800']) {
      test(`G14: ${JSON.stringify(id)} cannot be in a path, and is refused before it is another path`, async () => {
        await assert.rejects(sea.call(desk.note, { id }), (error: unknown) => {
          assert.ok(failsWith('SW_INPUT_INVALID', 400)(error));
          assert.deepEqual(
            (error as CallFailed).problem.issues?.map(({ path }) => path),
            ['id'],
          );
          return true;
        });
      });
    }

    test('G14: what is no JSON is refused by the caller itself, as is a key that no header carries', async () => {
      const circle: Record<string, unknown> = {};
      circle['self'] = circle;
      await assert.rejects(sea.call(desk.write, { id: 'a', text: 1n as unknown as string }), failsWith('SW_INPUT_INVALID', 400));
      await assert.rejects(sea.call(desk.write, { id: 'a', text: circle as unknown as string }), failsWith('SW_INPUT_INVALID', 400));
      for (const text of ['\ud800', 'a\\\udc00', '\\\\\udfff']) {
        await assert.rejects(sea.call(desk.write, { id: 'a', text }), failsWith('SW_INPUT_INVALID', 400), JSON.stringify(text));
      }
      await sea.call(desk.write, { id: 'a', text: '😀 \\ud800 \\\\udc00' });
      await assert.rejects(sea.call(desk.write, { id: 'a' }, { key: 'a key' }), /idempotency-key: takes 1 to 255 visible ASCII/);
    });

    test('an empty list arrives as one where there must be a list', async () => {
      assert.deepEqual(await sea.call(desk.pick, { from: [] }), { from: [] });
    });

    test('query strings carry numbers, booleans and lists', async () => {
      const input = { text: 'a&b=c', limit: 7, tags: ['x', 'y z'], exact: true };
      assert.deepEqual(await sea.call(desk.search, input), { asked: input });
    });

    test('a failure by a name that every object has, and no contract declares, is a failure of the service', async () => {
      for (const name of ['constructor', 'toString', '__proto__'])
        await assert.rejects(sea.call(desk.fall, { name }), failsWith('SW_OUTPUT_INVALID', 500), name);
    });

    test('what a handler promises and does not keep is a failure of the service', async () => {
      await assert.rejects(sea.call(desk.lie, {}), failsWith('SW_OUTPUT_INVALID', 500));
    });

    test('G9: the same key again gets the recorded answer, and runs nothing', async () => {
      const runs = sea.stage.runs;
      const first = await sea.call(desk.write, { id: 'k', text: 'x' }, { key: 'k1' });
      assert.deepEqual(await sea.call(desk.write, { text: 'x', id: 'k' }, { key: 'k1' }), first);
      assert.equal(first.runs, sea.stage.runs);
      assert.ok(sea.stage.runs > runs);
      await assert.rejects(sea.call(desk.write, { id: 'k', text: 'y' }, { key: 'k1' }), failsWith('SW_IDEMPOTENCY_KEY_REUSED', 422));
      await sea.call(desk.write, { id: 'k2', text: 'x' }, { key: 'k2' });
    });

    test('G9: a declared error is recorded too; any other records nothing', async () => {
      await assert.rejects(sea.call(desk.write, { id: 'r', text: 'refuse' }, { key: 'r1' }), /Refused/);
      const runs = sea.stage.runs;
      await assert.rejects(sea.call(desk.write, { id: 'r', text: 'refuse' }, { key: 'r1' }), /Refused/);
      assert.equal(sea.stage.runs, runs);
      sea.stage.write = () => {
        throw new Error('a bug');
      };
      await assert.rejects(sea.call(desk.write, { id: 'b' }, { key: 'b1' }), failsWith('SW_HANDLER_FAILED', 500));
      // What is invalid in there did not come from the caller.
      sea.stage.write = () => void milliseconds('soon' as Duration);
      await assert.rejects(sea.call(desk.write, { id: 'b' }, { key: 'b1' }), failsWith('SW_HANDLER_FAILED', 500));
      sea.stage.write = () => {};
      await sea.call(desk.write, { id: 'b' }, { key: 'b1' });
    });

    test('G9: a key that is still in progress gets 409', async () => {
      let go = (): void => {};
      const gate = new Promise<string>((resolve) => (go = () => resolve('yes')));
      sea.stage.reach = () => gate;
      const first = sea.call(desk.reach, { id: 'p' }, { key: 'p1' });
      first.catch(() => {});
      let second: unknown;
      for (let tries = 0; tries < 100 && !(second instanceof CallFailed && second.problem.status === 409); tries++) {
        second = await Promise.race([sea.call(desk.reach, { id: 'p' }, { key: 'p1' }).catch((error: unknown) => error), first]);
      }
      assert.ok(failsWith('SW_IDEMPOTENCY_IN_PROGRESS', 409)(second));
      go();
      assert.deepEqual(await first, { outcome: 'yes' });
    });

    test('G6: an undo leaves a tombstone: the step that arrives after it is refused', async () => {
      await sea.call(desk.erase, { id: 't' }, { key: 's1.write.undo#1', undoes: 's1.write' });
      await assert.rejects(sea.call(desk.write, { id: 't' }, { key: 's1.write#1' }), failsWith('SW_STEP_UNDONE', 422));
      await assert.rejects(sea.call(desk.reach, { id: 't' }, { key: 's1.write#2' }), failsWith('SW_STEP_UNDONE', 422));
    });

    test('an external command: intent, outcome, answer; repeated, it does nothing again', async () => {
      const keys: string[] = [];
      sea.stage.reach = (key) => {
        keys.push(key);
        return 'fine';
      };
      assert.deepEqual(await sea.call(desk.reach, { id: 'e' }, { key: 'e1' }), { outcome: 'fine' });
      assert.deepEqual(await sea.call(desk.reach, { id: 'e' }, { key: 'e1' }), { outcome: 'fine' });
      assert.deepEqual(keys, ['e1']);
      assert.deepEqual(await sea.call(desk.note, { id: 'e' }), { text: 'fine' });
    });

    test('an external command without an outcome keeps its intent; a repeat drives it on under the same key', async () => {
      const keys: string[] = [];
      sea.stage.reach = (key) => {
        keys.push(key);
        if (keys.length === 1) throw new Error('nobody knows');
        return 'second';
      };
      await assert.rejects(sea.call(desk.reach, { id: 'o' }, { key: 'o1' }), failsWith('SW_OUTCOME_PENDING', 503));
      assert.deepEqual(await sea.call(desk.reach, { id: 'o' }, { key: 'o1' }), { outcome: 'second' });
      assert.deepEqual(keys, ['o1', 'o1']);
    });

    test('an external command goes on when its caller has left', async () => {
      let go = (): void => {};
      sea.stage.reach = () => new Promise((resolve) => (go = () => resolve('late')));
      const leaving = new AbortController();
      const left = sea.call(desk.reach, { id: 'l' }, { key: 'l1', signal: leaving.signal });
      left.catch(() => {});
      const begun = go;
      await until('it reaches out', () => go !== begun);
      leaving.abort(new Error('gone'));
      await assert.rejects(left, /gone/);
      go();
      let answer: unknown;
      while (!answer) {
        answer = await sea.call(desk.reach, { id: 'l' }, { key: 'l1' }).catch(() => undefined);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(answer, { outcome: 'late' });
    });

    test('G6: an undo waits for the outcome of what its step has begun, and takes that back; what comes anew is refused', async () => {
      let go = (): void => {};
      sea.stage.reach = () => new Promise((resolve) => (go = () => resolve('in time')));
      const begun = go;
      const first = sea.call(desk.reach, { id: 'u' }, { key: 's2.reach#1' });
      first.catch(() => {});
      await until('it reaches out', () => go !== begun);
      const undo = (): Promise<unknown> => sea.call(desk.erase, { id: 'u' }, { key: 's2.reach.undo#1', undoes: 's2.reach' });
      await assert.rejects(undo(), failsWith('SW_STEP_IN_PROGRESS', 409));
      await assert.rejects(sea.call(desk.write, { id: 'u' }, { key: 's2.reach#2' }), failsWith('SW_STEP_UNDONE', 422));
      go();
      assert.deepEqual(await first, { outcome: 'in time' });
      assert.deepEqual(await sea.call(desk.note, { id: 'u' }), { text: 'in time' });
      await undo();
      await assert.rejects(sea.call(desk.note, { id: 'u' }), /NotFound/);
    });

    test('G6: an undo that only asks waits for the outcome as well, and leaves its tombstone', async () => {
      let go = (): void => {};
      sea.stage.reach = () => new Promise((resolve) => (go = () => resolve('seen')));
      const begun = go;
      const first = sea.call(desk.reach, { id: 'q' }, { key: 's3.reach#1' });
      first.catch(() => {});
      await until('it reaches out', () => go !== begun);
      const ask = (id = 'q', step = 's3.reach'): Promise<unknown> => sea.call(desk.note, { id }, { undoes: step });
      await assert.rejects(ask(), failsWith('SW_STEP_IN_PROGRESS', 409));
      go();
      await first;
      assert.deepEqual(await ask(), { text: 'seen' });
      await assert.rejects(ask('nothing', 's4.write'), /NotFound/);
      await assert.rejects(sea.call(desk.write, { id: 'nothing' }, { key: 's4.write#1' }), failsWith('SW_STEP_UNDONE', 422));
    });

    test('G10: the service itself does not begin what is late already', async () => {
      const past = new Deadline(sea.rt.clock, sea.rt.clock.monotonic() - 1);
      const runs = sea.stage.runs;
      const late = {
        operation: desk.write as never,
        input: { id: 'x' },
        key: 'late1',
        deadline: past,
        undoes: undefined,
        attempt: 1,
        signal: new AbortController().signal,
      };
      const answer = await transport.send(late);
      assert.deepEqual(answer.kind === 'problem' && [answer.problem.code, answer.problem.status], ['SW_DEADLINE_EXCEEDED', 504]);
      assert.equal(sea.stage.runs, runs);
    });

    test('a declared error of an external command is recorded', async () => {
      sea.stage.reach = () => 'no';
      await assert.rejects(
        sea.call(desk.reach, { id: 'n' }, { key: 'n1' }),
        (error: unknown) => error instanceof Failure && error.name === 'No',
      );
      sea.stage.reach = () => assert.fail('it is not done again');
      await assert.rejects(
        sea.call(desk.reach, { id: 'n' }, { key: 'n1' }),
        (error: unknown) => error instanceof Failure && error.name === 'No',
      );
    });

    test('a caller who leaves stops the handler', async () => {
      const leaving = new AbortController();
      sea.stage.hung = undefined;
      const left = sea.call(desk.hang, {}, { signal: leaving.signal });
      left.catch(() => {});
      await until('the handler hangs', () => sea.stage.hung !== undefined);
      leaving.abort(new Error('gone'));
      await assert.rejects(left, /gone/);
      await until('the handler is told', () => sea.stage.hung?.aborted === true);
    });

    test('G10: a deadline of many days reaches the handler, and is not over at once', async () => {
      const deadline = Deadline.after(sea.rt.clock, '60d');
      sea.stage.write = () => sleep(sea.rt.clock, 20);
      assert.equal((await sea.call(desk.write, { id: 'patient' }, { deadline })).id, 'patient');
      sea.stage.write = () => {};
    });

    test('G10: an expired call is not begun; a deadline reaches the handler', async () => {
      const runs = sea.stage.runs;
      const past = new Deadline(sea.rt.clock, sea.rt.clock.monotonic() - 1);
      await assert.rejects(sea.call(desk.write, { id: 'x' }, { deadline: past }), DeadlineExceeded);
      assert.equal(sea.stage.runs, runs);
      sea.stage.hung = undefined;
      await assert.rejects(
        sea.call(desk.hang, {}, { deadline: Deadline.after(sea.rt.clock, '50ms') }),
        (error: unknown) => (error as { kind?: string }).kind === 'deadline',
      );
      await until('the handler is told', () => sea.stage.hung?.aborted === true);
    });
  });
}

test('an intent that a dead process left is driven to its outcome by the next one', async () => {
  const dir = join(root, String(folder++));
  const rt = runtime();
  const stage: Backstage = { runs: 0, write: () => {}, reach: () => new Promise(() => {}), hung: undefined };
  const bus = await memoryBus().open(rt);
  const open = (): Promise<RunningService> =>
    run(deskService(stage), { runtime: rt, store: sqlite({ dir }), bus, call: (() => assert.fail('it calls nobody')) as never });
  const attempt = {
    operation: desk.reach as never,
    input: { id: 'left' },
    key: 'left1',
    deadline: undefined,
    undoes: undefined,
    attempt: 1,
    signal: new AbortController().signal,
  };
  const first = await open();
  let reached = false;
  stage.reach = () => {
    reached = true;
    return new Promise(() => {});
  };
  first.admit();
  const lost = first.endpoint.handle(attempt);
  lost.catch(() => {});
  await until('it reaches out', () => reached);
  await first.close(AbortSignal.abort(new Error('the process dies')));

  const keys: string[] = [];
  stage.reach = (key) => {
    keys.push(key);
    return 'found';
  };
  const second = await open();
  await second.begin();
  await until('the second drives it on', () => keys.length > 0);
  let answer = await second.endpoint.handle(attempt);
  while (answer.kind === 'problem' && answer.problem.status === 409) {
    await new Promise((resolve) => setImmediate(resolve));
    answer = await second.endpoint.handle(attempt);
  }
  assert.deepEqual(answer, { kind: 'output', output: { outcome: 'found' } });
  assert.deepEqual(keys, ['left1']);
  await second.quiesce(AbortSignal.abort());
  await second.close(AbortSignal.abort(new Error('the test is over')));
  await bus.close();
});

test('G13: the transaction of a command that does not end is cut and rolled back when the time for closing is over', async () => {
  const dir = join(root, String(folder++));
  const rt = runtime();
  const stage: Backstage = { runs: 0, write: () => new Promise(() => {}), reach: () => 'yes', hung: undefined };
  const bus = await memoryBus().open(rt);
  const open = (): Promise<RunningService> =>
    run(deskService(stage), { runtime: rt, store: sqlite({ dir }), bus, call: (() => assert.fail('it calls nobody')) as never });
  const first = await open();
  await first.begin();
  const call = caller({ runtime: rt, transportOf: () => local('desk', () => first.endpoint), policyOf: () => policyOn(rt) });
  const hanging = call(desk.write, { id: 'cut' }).then(
    () => 'answered',
    (error: unknown) => (error as CallFailed).problem.code,
  );
  await until('the handler runs', () => stage.runs > 0);
  await first.quiesce(AbortSignal.abort());
  await first.close(AbortSignal.abort(new ServiceUnready('the time for closing is over')));
  assert.equal(await hanging, 'SW_SERVICE_UNREADY');
  const second = await open();
  second.admit();
  const again = caller({ runtime: rt, transportOf: () => local('desk', () => second.endpoint), policyOf: () => policyOn(rt) });
  await assert.rejects(again(desk.note, { id: 'cut' }), (error: unknown) => error instanceof Failure && error.name === 'NotFound');
  await second.close(AbortSignal.abort());
  await bus.close();
});

test('a service that fails to open leaves nothing open', async () => {
  const rt = runtime();
  const bus = await memoryBus().open(rt);
  let closed = 0;
  const driver = memory();
  const watched: StoreDriver = {
    async open(name, on) {
      const store = await driver.open(name, on);
      return {
        ...store,
        async close() {
          closed++;
          await store.close();
        },
      };
    },
  };
  const broken = service(contract('broken', {}), { handlers: {}, migrations: [{ name: 'broken/1', statements: ['create nonsense'] }] });
  await assert.rejects(run(broken, { runtime: rt, store: watched, bus, call: (() => assert.fail()) as never }), /broken\/1/);
  assert.equal(closed, 1);
  await bus.close();
});

test('nobody there is Unreachable, and says so', async () => {
  const transport = http('http://127.0.0.1:1');
  const call = caller({ runtime: runtime(), transportOf: () => transport, policyOf: () => policyOn(runtime()) });
  await assert.rejects(
    call(desk.note, { id: 'a' }),
    (error: unknown) => error instanceof Unreachable && /got no answer/.test(error.message),
  );
  await transport.close();
});

test('a service without a handler, or with one too many, is refused by name', () => {
  const small = contract('small', { one: query({ http: 'GET /one', input: z.object({}), output: z.object({}) }) });
  assert.throws(() => service(small, { handlers: {} as never }), /no handler for one/);
  assert.throws(() => service(small, { handlers: { one: () => ({}), two: () => ({}) } as never }), /handles two/);
});
