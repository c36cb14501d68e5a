import type { Bus, Handle } from '../bus/bus.ts';
import { type Envelope, envelope, typeOf } from '../bus/envelope.ts';
import { type Callable, Failure, reply } from '../client/call.ts';
import type { Caller, CallOptions } from '../client/caller.ts';
import { Unreachable } from '../client/errors.ts';
import type { Answer } from '../contract/answer.ts';
import type { At, Event, Operation } from '../contract/contract.ts';
import { runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Cause } from '../saga/cause.ts';
import { type Entry, instanceOf, type SagaState } from '../saga/journal.ts';
import type { AnySaga, Saga } from '../saga/saga.ts';
import { run } from '../service/running.ts';
import type { Service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Row, StoreDriver, Value } from '../store/store.ts';
import { seededRandom, virtualClock } from './clock.ts';
import { GivenInvalid } from './errors.ts';
import { dueIn } from './under-way.ts';

type Fails<E> = { [K in keyof E & string]: { readonly fails: K; readonly data?: E[K] } }[keyof E & string];

/** What an operation answers: a value, a declared error, `unknown` (nobody knows whether it happened), or `nothing`, ever. */
export type Scripted<Output, E> = { readonly answers: Output } | Fails<E> | 'unknown' | 'nothing';

/** A call that was made. */
export interface Made {
  readonly operation: string;
  readonly input: unknown;
}

/** What came of it. */
export interface Came {
  /** What was called, in order. */
  readonly calls: readonly Made[];
  /** Events, in the order of their publishing. */
  readonly published: readonly { readonly event: string; readonly data: unknown }[];
  /** Sagas that were started, and not run. */
  readonly started: readonly { readonly saga: string; readonly input: unknown }[];
  /** Rows of the service's own database, as they are now. */
  rows(sql: string, ...values: readonly Value[]): Promise<readonly Row[]>;
}

/** How a saga ended. */
export interface Ended extends Came {
  readonly state: SagaState;
  /** The steps that were begun, in order, with what became of each. */
  readonly steps: readonly { readonly step: string; readonly state: Entry['state'] }[];
  /** Why it was undone. */
  readonly cause: Cause | undefined;
}

/** A service in a state, to which one thing is done. */
export interface Given {
  /** A row, or whatever one SQL statement puts there. */
  rows(sql: string, ...values: readonly Value[]): Given;
  /** What an operation of another service answers: the first call the first, and so on; the last for all that follow. */
  when<Sent, Output, E>(operation: Callable<string, Sent, Output, E>, ...answers: readonly Scripted<NoInfer<Output>, NoInfer<E>>[]): Given;
  /** Plays one of its sagas to its end: retries, timeouts and undos as ever, and in no time. Throws `GivenInvalid`. */
  saga<Input>(saga: Saga<string, string, never, Input>, input: NoInfer<Input>): Promise<Ended>;
  /** Lets an event come. Rejects with what the reaction throws. */
  event<Data>(event: Event<unknown, Data> & At, data: NoInfer<Data>): Promise<Came>;
  /** Calls one of its own operations: the answer is its output or a declared error. */
  call<Sent, Output, E>(
    operation: Callable<string, Sent, Output, E>,
    input: NoInfer<Sent>,
  ): Promise<Came & { readonly answer: Exclude<Answer, { readonly kind: 'problem' }> }>;
}

interface Setting {
  readonly service: Service;
  readonly statements: readonly { readonly sql: string; readonly values: readonly Value[] }[];
  readonly scripts: ReadonlyMap<string, readonly unknown[]>;
}

const begin = 'begin';
const nameOf = ({ service, name }: { readonly service: string; readonly name: string }): string => `${service}.${name}`;

/** Calls as the scripts say. What has no output needs none. */
function scripted({ scripts }: Setting, calls: Made[], missing: (error: GivenInvalid) => void): Caller {
  const turn = new Map<string, number>();
  async function answer(operation: Operation & At, { signal }: CallOptions): Promise<unknown> {
    const name = nameOf(operation);
    const script = scripts.get(name);
    const index = turn.get(name) ?? 0;
    turn.set(name, index + 1);
    if (!script?.length && operation.output) {
      const error = new GivenInvalid(`${name} was called: say what it answers, with \`when\``);
      missing(error);
      throw error;
    }
    const said = (script?.[index] ?? script?.at(-1)) as Scripted<unknown, Record<string, unknown>> | undefined;
    if (said === 'unknown') throw new Unreachable(`${name} was asked, and nobody knows what it did`);
    if (said === 'nothing')
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
    if (said && 'fails' in said) throw new Failure(said.fails, said.data);
    return said?.answers;
  }
  return (operation, input, options = {}) => {
    calls.push({ operation: nameOf(operation as unknown as Operation & At), input });
    return reply(answer(operation as unknown as Operation & At, options) as Promise<never>, Object.keys(operation.errors as object));
  };
}

async function play<V>(
  setting: Setting,
  driven: boolean,
  act: (parts: {
    readonly endpoint: Awaited<ReturnType<typeof run>>['endpoint'];
    readonly deliver: (name: string, key: string, data: unknown) => Promise<void>;
  }) => Promise<V>,
  begins?: { readonly saga: AnySaga; readonly input: unknown },
): Promise<{ readonly came: Came; readonly value: V; readonly ended: readonly Row[] }> {
  const { service, statements } = setting;
  const name = service.contract['~contract'];
  const clock = virtualClock();
  const machine = runtime({ clock, random: seededRandom(1) });
  const store = await (((service.store as StoreDriver | undefined) ?? memory()) as StoreDriver).open(name, machine);
  const calls: Made[] = [];
  const published: Envelope[] = [];
  const hearing = new Map<string, Handle>();
  const bus: Bus = {
    publish: async (_topic, envelopes) => void published.push(...envelopes),
    async subscribe({ topic, handle }) {
      hearing.set(topic, handle);
      return { close: async () => {} };
    },
    close: async () => {},
  };
  // A saga begins with an event that no contract has, so that its first local steps are in a transaction as ever.
  const starting = {
    kind: 'event',
    service: '~given',
    name: begin,
    key: 'key',
    data: { '~standard': { version: 1, vendor: 'seaworthy', validate: (value: unknown) => ({ value }) } },
  };
  const start = (context: { readonly start: (saga: AnySaga, input: unknown) => void }): void =>
    context.start((begins as NonNullable<typeof begins>).saga, begins?.input);
  const on = begins ? [...service.on, { event: starting as unknown as Event & At, handle: start as never }] : service.on;
  let thrown: { readonly error: unknown } | undefined;
  async function deliver(from: string, event: string, key: string, data: unknown): Promise<void> {
    const handle = hearing.get(from);
    const one = envelope({ id: machine.ids.next(), service: from, event, key, now: clock.now(), data: JSON.parse(JSON.stringify(data)) });
    if (!handle) throw new GivenInvalid(`${name} does not react to ${typeOf(from, event)}`);
    await handle(one, { signal: new AbortController().signal });
    const [failed] = await store.read.all('select error from sw_dead_letter union all select history from sw_parked');
    if (failed)
      thrown = { error: new GivenInvalid(`the reaction of ${name} to ${typeOf(from, event)} failed: ${String(failed['error'])}`) };
  }

  async function work(): Promise<{ came: Came; value: V; ended: readonly Row[] }> {
    const running = await run(
      { ...service, store: undefined, on },
      {
        runtime: machine,
        store: { open: async () => ({ ...store, close: async () => {} }) },
        bus,
        call: scripted(setting, calls, (error) => {
          thrown ??= { error };
        }),
        sagas: driven ? 256 : 0,
        consumer: { retry: { attempts: 1 } },
      },
    );
    for (const { sql, values } of statements) await store.transaction((tx) => store.own(tx).run(sql, ...values));
    await running.begin();
    const value = await act({
      endpoint: running.endpoint,
      deliver: (event, key, data) => deliver(event.split('.')[0] as string, event.split('.').slice(1).join('.'), key, data),
    });
    while ((await dueIn(name, store.ownRead)).some((due) => driven || !due.includes('sw_saga')) && !thrown) await sleep(clock, 100);
    if (thrown) throw thrown.error;
    const sagas = await store.ownRead.all('select * from sw_saga order by id');
    const came: Came = {
      calls,
      published: published.map(({ type, data }) => ({ event: type, data })),
      started: driven ? [] : sagas.map(instanceOf).map(({ name: saga, input }) => ({ saga, input })),
      rows: (sql, ...values) => store.ownRead.all(sql, ...values),
    };
    const cut = AbortSignal.abort(new Error('the play is over'));
    await running.quiesce(cut);
    await running.close(cut);
    return { came, value, ended: sagas };
  }
  return clock.run(work());
}

function builder(setting: Setting): Given {
  const { service } = setting;
  return {
    rows: (sql, ...values) => builder({ ...setting, statements: [...setting.statements, { sql, values }] }),
    when: (operation, ...answers) =>
      builder({ ...setting, scripts: new Map([...setting.scripts, [nameOf(operation as unknown as Operation & At), answers]]) }),
    async saga(saga, input) {
      const begins = { saga: saga as unknown as AnySaga, input };
      const { came, ended } = await play(setting, true, ({ deliver }) => deliver(`~given.${begin}`, 'key', {}), begins);
      const [first] = ended.map(instanceOf);
      if (!first) throw new GivenInvalid(`${saga.name} was not started: does its service have it in \`sagas\`?`);
      const { state, journal, cause } = first;
      return { ...came, state, cause, steps: journal.map(({ step, state: was }) => ({ step, state: was })) };
    },
    async event(event, data) {
      const key = String((data as Readonly<Record<string, unknown>>)[event.key]);
      return (await play(setting, false, ({ deliver }) => deliver(nameOf(event), key, data))).came;
    },
    async call(operation, input) {
      const { came, value } = await play(setting, false, ({ endpoint }) =>
        endpoint.handle({
          ...{ operation: operation as unknown as Operation & At, input: JSON.parse(JSON.stringify(input)) as unknown, key: 'given' },
          ...{ deadline: undefined, undoes: undefined, attempt: 1, signal: new AbortController().signal },
        }),
      );
      if (value.kind === 'problem')
        throw new GivenInvalid(
          `${service.contract['~contract']} answered ${value.problem.status} ${value.problem.title}: ${value.problem.detail ?? ''}`,
        );
      return { ...came, answer: value };
    },
  };
}

/** A service, to be played alone: on a database in memory, in virtual time, against others of whom only the answers are known. */
export const given = (service: Service): Given => builder({ service, statements: [], scripts: new Map() });
