import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { command, contract, event } from '../contract/contract.ts';
import { saga } from '../saga/definition.ts';
import { service } from '../service/service.ts';
import { GivenInvalid } from './errors.ts';
import { given } from './given.ts';

const Trip = z.object({ id: z.string() });
const hotel = contract('hotel', {
  book: command({ http: 'POST /book', input: Trip, output: z.object({ room: z.int() }), errors: { Full: { status: 409 } } }),
  leave: command({ http: 'POST /leave', input: z.object({ id: z.string(), room: z.int().optional() }) }),
  closed: event({ key: 'id', data: Trip }),
});
const trips = contract('trips', {
  plan: command({ http: 'POST /trips', input: Trip, output: Trip, errors: { Known: { status: 409 } } }),
  ready: event({ key: 'id', data: Trip }),
});
const journey = saga(trips, 'journey', { input: Trip, uses: [hotel] })
  .local('note', {
    do: async ({ tx, input }) => {
      await tx.run("insert into trip (id, state) values (?, 'open')", input.id);
    },
    undo: async ({ tx, input, cause }) => {
      await tx.run('update trip set state = ? where id = ?', cause.kind, input.id);
    },
  })
  .step('book', {
    do: ({ call, input }) => call(hotel.book, input),
    undo: ({ call, input, result }) => call(hotel.leave, { id: input.id, ...(result && { room: result.room }) }),
  })
  .local('tell', { do: ({ publish, input }) => publish('ready', input) });
const planner = service(trips, {
  migrations: [{ name: 'trips/1', statements: ['create table trip (id text primary key, state text not null)'] }],
  handlers: {
    async plan({ input, tx, start, fail }) {
      if ((await tx.all('select 1 from trip where id = ?', input.id)).length > 0) throw fail('Known');
      start(journey, input);
      return input;
    },
  },
  on: (on) => [
    on(hotel.closed, async ({ data, tx, publish, start }) => {
      if (data.id === 'bad') throw new Error('not this one');
      await tx.run("update trip set state = 'moved' where id = ?", data.id);
      publish('ready', data);
      start(journey, { id: `${data.id}-again` });
    }),
  ],
  sagas: [journey],
});

const states = (steps: readonly { step: string; state: string }[]): readonly string[] => steps.map(({ step, state }) => `${step} ${state}`);

test('a saga whose steps all succeed is done', async () => {
  const ended = await given(planner)
    .when(hotel.book, { answers: { room: 7 } })
    .saga(journey, { id: 't' });
  assert.equal(ended.state, 'done');
  assert.deepEqual(states(ended.steps), ['note done', 'book done', 'tell done']);
  assert.deepEqual(ended.calls, [{ operation: 'hotel.book', input: { id: 't' } }]);
  assert.deepEqual(ended.published, [{ event: 'trips.ready', data: { id: 't' } }]);
  assert.equal((await ended.rows('select state from trip'))[0]?.['state'], 'open');
});

test('a declared error undoes the earlier steps', async () => {
  const ended = await given(planner).when(hotel.book, { fails: 'Full' }).saga(journey, { id: 't' });
  assert.deepEqual([ended.state, ended.cause?.kind], ['undone', 'declared']);
  assert.deepEqual(states(ended.steps), ['note undone', 'book refused']);
  assert.equal(ended.calls.length, 1);
  assert.equal((await ended.rows('select state from trip'))[0]?.['state'], 'declared');
});

test('a step with an unknown outcome is retried, and undone if it stays unknown', async () => {
  const book = given(planner);
  const again = await book.when(hotel.book, 'unknown', 'nothing', { answers: { room: 1 } }).saga(journey, { id: 't' });
  assert.deepEqual([again.state, again.calls.length], ['done', 3]);
  const never = await book.when(hotel.book, 'nothing').saga(journey, { id: 't' });
  assert.deepEqual(states(never.steps), ['note undone', 'book undone']);
  assert.deepEqual(never.calls.at(-1), { operation: 'hotel.leave', input: { id: 't' } });
});

test('the result of a reaction has rows, events and started sagas', async () => {
  const open = given(planner).rows("insert into trip (id, state) values (?, 'open')", 't');
  const result = await open.event(hotel.closed, { id: 't' });
  assert.deepEqual(result.published, [{ event: 'trips.ready', data: { id: 't' } }]);
  assert.deepEqual(result.started, [{ saga: 'journey', input: { id: 't-again' } }]);
  assert.equal((await result.rows('select state from trip'))[0]?.['state'], 'moved');
  await assert.rejects(open.event(hotel.closed, { id: 'bad' }), /hotel.closed failed: .*not this one/);
});

test('the result of a command has its answer and the started sagas', async () => {
  const result = await given(planner).call(trips.plan, { id: 't' });
  assert.deepEqual(result.answer, { kind: 'output', output: { id: 't' } });
  assert.deepEqual(result.started, [{ saga: 'journey', input: { id: 't' } }]);
  const again = await given(planner).rows("insert into trip (id, state) values ('t', 'open')").call(trips.plan, { id: 't' });
  assert.equal(again.answer.kind === 'declared' && again.answer.name, 'Known');
});

test('a missing script and an event without a reaction are named in the error', async () => {
  await assert.rejects(given(planner).saga(journey, { id: 't' }), /hotel.book was called and has no scripted answer/);
  await assert.rejects(
    given(planner).event(trips.ready, { id: 't' }),
    (error) => error instanceof GivenInvalid && /does not react/.test(error.message),
  );
});
