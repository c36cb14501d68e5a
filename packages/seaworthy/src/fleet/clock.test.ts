import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { command, contract, event } from '../contract/contract.ts';
import { systemClock } from '../core/clock.ts';
import { runtime } from '../core/runtime.ts';
import { saga } from '../saga/definition.ts';
import { external } from '../service/handler.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-clock-'));
after(() => rmSync(root, { recursive: true, force: true }));

const hour = 3_600_000;
const Ref = z.object({ id: z.string() });
const trips = contract('trips', {
  plan: command({ http: 'POST /plan', input: Ref }),
  pay: command({ http: 'POST /pay', input: Ref }),
  planned: event({ key: 'id', data: Ref }),
});

/** A fleet on a machine of its own, in which a test makes a step, a third party and a reaction fail or hang. */
async function machine(dir: string, ahead: number) {
  const state = { ahead, work: 'fails' as 'fails' | 'hangs' | 'succeeds', tried: new Set<string>(), done: new Set<string>() };
  const attempt = async (what: string): Promise<void> => {
    state.tried.add(what);
    if (state.work === 'hangs') await new Promise(() => {});
    if (state.work === 'fails') throw new Error('down');
    state.done.add(what);
  };
  const booking = saga(trips, 'booking', { input: Ref, key: ({ id }) => id }).step('book', {
    retry: { attempts: 50 },
    do: ({ input }) => attempt(`saga ${input.id}`),
  });
  const system = fleet({
    services: [
      service(trips, {
        handlers: {
          plan({ input, start: begin, publish }) {
            begin(booking, input);
            publish('planned', input);
          },
          pay: external({ before: () => null, do: ({ input }) => attempt(`payment ${input.id}`), after() {} }),
        },
        sagas: [booking],
      }),
      service(contract('mails', {}), { handlers: {}, on: (on) => [on(trips.planned, ({ data }) => attempt(`mail ${data.id}`))] }),
    ],
  });
  const clock = { ...systemClock, now: () => systemClock.now() + state.ahead };
  const running = await start(system, {
    ...{ dir, runtime: runtime({ clock }), shutdown: { drain: '100ms' } },
    consumer: { retry: { attempts: 50, base: '300ms', cap: '300ms' } },
  });
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  return {
    state,
    stop: running.stop,
    async ask(id: string): Promise<void> {
      await running.call(trips.plan, { id });
      running.call(trips.pay, { id }).catch(() => {});
    },
    all: (what: 'tried' | 'done', id: string) => until(() => ['saga', 'payment', 'mail'].every((of) => state[what].has(`${of} ${id}`))),
  };
}

for (const jump of [-hour, hour])
  test(`a clock that is set ${jump < 0 ? 'back' : 'forward'} by an hour while a fleet runs does not change any wait`, async () => {
    const one = await machine(join(root, `live${jump}`), 0);
    await one.ask('old');
    await one.all('tried', 'old');
    one.state.ahead = jump;
    one.state.work = 'succeeds';
    await one.ask('new');
    await one.all('done', 'old');
    await one.all('done', 'new');
    await one.stop();
    assert.equal(one.state.done.size, 6, 'nothing else was done');
  });

test('the work of a process that died with its clock an hour ahead is taken over at once', async () => {
  const dir = join(root, 'died');
  const first = await machine(dir, hour);
  await first.ask('failed');
  await first.all('tried', 'failed');
  first.state.work = 'hangs';
  await first.ask('in flight');
  await first.all('tried', 'in flight');
  // What a process leaves that is killed now.
  const left = join(root, 'left');
  mkdirSync(left);
  for (const name of readdirSync(dir)) if (!name.endsWith('-shm')) cpSync(join(dir, name), join(left, name));
  const next = await machine(left, 0);
  next.state.work = 'succeeds';
  await next.all('done', 'failed');
  await next.all('done', 'in flight');
  await next.stop();
  await first.stop();
  assert.deepEqual([first.state.done.size, next.state.done.size], [0, 6]);
});
