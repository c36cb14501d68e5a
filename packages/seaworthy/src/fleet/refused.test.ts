import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import type { Bus, BusDriver } from '../bus/bus.ts';
import { embedded } from '../bus/drivers/embedded.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import { systemClock } from '../core/clock.ts';
import { runtime } from '../core/runtime.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { saga } from '../saga/definition.ts';
import { external } from '../service/handler.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';
import type { StartOptions } from './options.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-refused-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = 0;

const Ref = z.object({ id: z.string() });
const early = contract('early', { say: command({ http: 'POST /say', input: Ref }), said: event({ key: 'id', data: Ref }) });
const late = contract('late', {
  reach: command({ http: 'POST /reach', input: Ref }),
  wait: query({ http: 'GET /wait', input: z.object({}), output: Ref }),
});
const never = (): Promise<never> => new Promise(() => {});
const front = gateway({ routes: [route('POST /say', early.say)] });

type Edition = 'first' | 'without the command' | 'with another step' | 'with a migration that fails' | 'heard twice';

/** Editions of one fleet: the first leaves a saga, an intent and an event behind, and a start of the others must be refused. */
function edition(which: Edition) {
  const waiting = saga(early, 'waiting', { input: Ref, uses: [late] }).step(which === 'with another step' ? 'other' : 'wait', {
    do: ({ call }) => call(late.wait, {}),
  });
  return fleet({
    services: [
      service(early, {
        handlers: {
          say({ input, publish, start: begin }) {
            publish('said', input);
            begin(waiting, input);
          },
        },
        sagas: [waiting],
      }),
      service(late, {
        migrations: which === 'with a migration that fails' ? [{ name: 'late/1', statements: ['create nonsense'] }] : [],
        handlers: {
          reach: (which === 'without the command' ? () => {} : external({ before: () => ({}), do: never, after: () => {} })) as never,
          wait: never,
        },
        on: (on) => [...Array(which === 'heard twice' ? 2 : 1)].map(() => on(early.said, () => {})),
      }),
    ],
    gateway: front,
  });
}

/** A bus that notes what it is asked, or does not answer. */
function watched(dir: string, asked: string[], subscribes: (bus: Bus) => Bus['subscribe'] = (bus) => bus.subscribe): BusDriver {
  return {
    async open(machine) {
      const bus = await embedded({ dir }).open(machine);
      return {
        ...bus,
        publish: async () => {
          asked.push('publish');
          throw new Error('not now');
        },
        subscribe(options) {
          asked.push(`subscribe ${options.topic}`);
          return subscribes(bus)(options);
        },
      };
    },
  };
}

/** A clock that knows which of its timers keep the process alive for long. */
function counted() {
  const holding = new Set<object>();
  const clock: typeof systemClock = {
    ...systemClock,
    after(ms, run, options) {
      const timer = systemClock.after(ms, run, options);
      if (ms > 60_000 && !options?.background) holding.add(timer);
      return {
        cancel() {
          holding.delete(timer);
          timer.cancel();
        },
      };
    },
  };
  return { machine: runtime({ clock }), holding };
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

async function left(dir: string): Promise<void> {
  const asked: string[] = [];
  const running = await start(edition('first'), { dir, logLevel: 'silent', shutdown: { drain: '50ms' }, bus: watched(dir, asked) });
  void running.call(late.reach, { id: 'left' }).catch(() => {});
  await running.call(early.say, { id: 'left' });
  while (!asked.includes('publish')) await new Promise((resolve) => setTimeout(resolve, 5));
  await running.stop();
}

for (const [which, code] of [
  ['without the command', 'SW_INTENT_STRANDED'],
  ['with another step', 'SW_SAGA_STRANDED'],
  ['with a migration that fails', 'SW_STORE_MIGRATION'],
  ['heard twice', 'SW_OUTBOX_SUBSCRIPTION'],
] as const)
  test(`G8: code ${which} is refused before anything is accepted, published or consumed, and the process may end`, async () => {
    const dir = join(root, String(folder++));
    await left(dir);
    const asked: string[] = [];
    const { machine, holding } = counted();
    const refused = start(edition(which), { dir, runtime: machine, bus: watched(dir, asked), listen: { services: true } });
    await assert.rejects(refused, (error: unknown) => {
      assert.ok(String((error as { code?: string }).code).startsWith(code), String(error));
      return true;
    });
    assert.deepEqual([asked, holding.size], [[], 0]);
  });

test('G8: a port in use refuses the start before anything is accepted, published or consumed', async () => {
  const dir = join(root, String(folder++));
  await left(dir);
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  for (const listen of [{ port }, { services: { late: port } }, { operations: { port } }] satisfies StartOptions['listen'][]) {
    const asked: string[] = [];
    const { machine, holding } = counted();
    await assert.rejects(start(edition('first'), { dir, runtime: machine, bus: watched(dir, asked), listen }), /cannot listen/);
    assert.deepEqual([asked, holding.size], [[], 0]);
  }
  taken.close();
});

test('ports answer 503 until everything has begun; the process stays alive until it has stopped', async () => {
  const dir = join(root, String(folder++));
  const [port, own] = [await freePort(), await freePort()];
  let go = (): void => {};
  let waits = (): void => {};
  const subscribing = new Promise<void>((resolve) => (waits = resolve));
  const bus = watched(dir, [], (real) => async (options) => {
    waits();
    await new Promise<void>((resolve) => (go = resolve));
    return real.subscribe(options);
  });
  const { machine, holding } = counted();
  const starting = start(edition('first'), {
    dir,
    listen: { port, services: { early: own } },
    bus,
    runtime: machine,
    shutdown: { drain: '50ms' },
  });
  await subscribing;
  const post = (at: number): Promise<Response> =>
    fetch(`http://127.0.0.1:${at}/say`, { method: 'POST', body: '{"id":"1"}', headers: { 'content-type': 'application/json' } });
  for (const at of [port, own]) {
    const answer = await post(at);
    assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [503, 'SW_SERVICE_UNREADY']);
    assert.equal(answer.headers.get('retry-after'), '1');
    if (at === port) assert.equal((await fetch(`http://127.0.0.1:${at}/health/startup`)).status, 503);
    assert.equal((await fetch(`http://127.0.0.1:${at}/health/live`)).status, 200);
  }
  go();
  const running = await starting;
  assert.equal((await fetch(`http://127.0.0.1:${port}/health/ready`)).status, 200);
  assert.equal((await post(port)).status, 204);
  assert.equal(holding.size, 1);
  await running.stop();
  assert.equal(holding.size, 0);
});
