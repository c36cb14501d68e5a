import type { Bus, Handle } from '../bus/bus.ts';
import { type Envelope, envelope, typeOf } from '../bus/envelope.ts';
import type { Bound, Event } from '../contract/contract.ts';
import { well } from '../core/condition.ts';
import { runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { AnySaga } from '../saga/definition.ts';
import { instanceOf, sagaColumns } from '../saga/instance.ts';
import { run } from '../service/lifecycle.ts';
import type { Service } from '../service/service.ts';
import { memory } from '../store/drivers/memory.ts';
import type { Read, Row, StoreDriver, Value } from '../store/store.ts';
import { seededRandom, virtualClock } from './clock.ts';
import { GivenInvalid } from './errors.ts';
import { pendingWork } from './pending-work.ts';
import { type RecordedCall, scripted } from './script.ts';

/** The result of a test with `given`. */
export interface Result {
  /** The calls of the service, in order. */
  readonly calls: readonly RecordedCall[];
  /** The published events, in order. */
  readonly published: readonly { readonly event: string; readonly data: unknown }[];
  /** The sagas that were started. They are not run. */
  readonly started: readonly { readonly saga: string; readonly input: unknown }[];
  /** Reads rows of the service's own database. */
  readonly rows: Read['all'];
}

/** The service, its rows and the scripted answers. */
export interface TestSetup {
  readonly service: Service;
  readonly statements: readonly { readonly sql: string; readonly values: readonly Value[] }[];
  readonly scripts: ReadonlyMap<string, readonly unknown[]>;
}

/** The name of the event that starts a saga; no contract has it. */
export const begin = 'begin';

/** Runs the service alone, acts on it once, and waits until all work that follows is done. */
export async function play<V>(
  setting: TestSetup,
  driven: boolean,
  act: (parts: {
    readonly endpoint: Awaited<ReturnType<typeof run>>['endpoint'];
    readonly deliver: (name: string, key: string, data: unknown) => Promise<void>;
  }) => Promise<V>,
  begins?: { readonly saga: AnySaga; readonly input: unknown },
): Promise<{ readonly result: Result; readonly value: V; readonly ended: readonly Row[] }> {
  const { service, statements } = setting;
  const name = service.contract['~contract'];
  const clock = virtualClock();
  const machine = runtime({ clock, random: seededRandom(1) });
  const store = await (((service.store as StoreDriver | undefined) ?? memory()) as StoreDriver).open(name, machine);
  const calls: RecordedCall[] = [];
  const published: Envelope[] = [];
  const hearing = new Map<string, Handle>();
  const bus: Bus = {
    features: { keeps: 'log', maxBytes: Number.POSITIVE_INFINITY },
    plan: async () => [],
    apply: async () => [],
    verify: async () => {},
    publish: async (_topic, envelopes) => void published.push(...envelopes),
    async subscribe({ topic, handle }) {
      hearing.set(topic, handle);
      return { close: async () => {} };
    },
    condition: () => well,
    pending: async () => new Set(),
    close: async () => {},
  };
  // The event that starts the saga runs a reaction, so that its first local steps run in a transaction as in production.
  const starting = {
    kind: 'event',
    service: '~given',
    name: begin,
    key: 'key',
    data: { '~standard': { version: 1, vendor: 'seaworthy', validate: (value: unknown) => ({ value }) } },
  };
  const start = (context: { readonly start: (saga: AnySaga, input: unknown) => void }): void =>
    context.start((begins as NonNullable<typeof begins>).saga, begins?.input);
  const on = begins ? [...service.on, { event: starting as unknown as Event & Bound, handle: start as never }] : service.on;
  let thrown: { readonly error: unknown } | undefined;
  async function deliver(from: string, event: string, key: string, data: unknown): Promise<void> {
    const handle = hearing.get(from);
    const one = envelope({ id: machine.ids.next(), service: from, event, key, now: clock.now(), data: JSON.parse(JSON.stringify(data)) });
    if (!handle) throw new GivenInvalid(`${name} does not react to ${typeOf(from, event)}`);
    await handle(one, { signal: new AbortController().signal });
    const [failed] = await store.read.all('select error from sw_dead_letter union all select history from sw_parked');
    if (failed) thrown = { error: new GivenInvalid(`reaction of ${name} to ${typeOf(from, event)} failed: ${String(failed['error'])}`) };
  }

  async function work(): Promise<{ result: Result; value: V; ended: readonly Row[] }> {
    const running = await run(
      { ...service, store: undefined, on },
      {
        runtime: machine,
        store: { open: async () => ({ ...store, close: async () => {} }) },
        bus,
        call: scripted(setting.scripts, calls, (error) => {
          thrown ??= { error };
        }),
        sagas: { concurrency: driven ? 256 : 0 },
        consumer: { retry: { attempts: 1 } },
      },
    );
    for (const { sql, values } of statements) await store.transaction((tx) => store.sql(tx).run(sql, ...values));
    await running.begin();
    const value = await act({
      endpoint: running.endpoint,
      deliver: (event, key, data) => deliver(event.split('.')[0] as string, event.split('.').slice(1).join('.'), key, data),
    });
    while ((await pendingWork(name, store.sqlRead)).some((due) => driven || !due.includes('sw_saga')) && !thrown) await sleep(clock, 100);
    if (thrown) throw thrown.error;
    const sagas = await store.sqlRead.all(`select ${sagaColumns} from sw_saga order by id`);
    const result: Result = {
      calls,
      published: published.map(({ type, data }) => ({ event: type, data })),
      started: driven ? [] : sagas.map(instanceOf).map(({ name: saga, input }) => ({ saga, input })),
      rows: store.sqlRead.all,
    };
    const cut = AbortSignal.abort(new Error('the test has ended'));
    await running.quiesce(cut);
    await running.close(cut);
    return { result, value, ended: sagas };
  }
  return clock.run(work());
}
