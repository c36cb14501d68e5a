import type { Runtime } from '../../core/runtime.ts';
import type { Connections } from './postgres-connections.ts';

const channel = 'seaworthy';
/** At most one notice of a topic in so many milliseconds. */
const apartMs = 10;
const reconnectMs = 1000;

interface Notice {
  /** The store that sends it. */
  readonly from: string;
  readonly schema: string;
  readonly topic: string;
}

interface Listener {
  readonly store: string;
  readonly heard: (topic?: string) => void;
}

/** Reads a notice. Anybody who may connect can send another text on the channel, which means nothing. */
function noticeOf(payload = ''): Partial<Notice> {
  try {
    return Object(JSON.parse(payload));
  } catch {
    return {};
  }
}

interface Context {
  readonly connections: Connections;
  readonly runtime: Runtime;
  /** Whether to listen. A pooler that shares connections between transactions accepts that, and passes nothing on. */
  readonly listens: boolean;
}

/** Notices between the stores on one server, by `listen` and `notify` on a channel that all services share. */
export class Notices {
  readonly #context: Context;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #pending = new Set<string>();
  /** What only this process sends to itself, to see whether anything arrives. */
  readonly #echo: string;
  #closed = false;
  #heard = false;
  #sending: Promise<void> | undefined;
  readonly #listening: Promise<void> | undefined;
  #end = (): void => {};

  constructor(context: Context) {
    this.#context = context;
    this.#echo = JSON.stringify({ echo: context.runtime.ids.next() });
    this.#listening = context.listens ? this.#listen() : undefined;
  }

  /** Whether notices of other processes are heard at the moment. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Calls `heard` for each notice about `schema` that another store sends, and without a topic when some may have been lost. */
  hear(schema: string, listener: Listener): () => void {
    const all = this.#listeners.get(schema) ?? new Set();
    this.#listeners.set(schema, all.add(listener));
    return () => all.delete(listener);
  }

  /** Sends it outside of transactions: inside, all commits of the server would wait for each other. */
  tell(notice: Notice): void {
    this.#give(JSON.stringify(notice));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
    await this.#listening;
    await this.#sending;
    this.#pending.delete(this.#echo);
    // The last notice says that a worker has left.
    if (this.#pending.size > 0) await this.#send();
  }

  #give(payload: string): void {
    this.#pending.add(payload);
    if (!this.#closed) this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    const { connections, runtime } = this.#context;
    const { clock, observe } = runtime;
    const values = [...this.#pending];
    this.#pending.clear();
    // It need not be durable, and others who notify wait for its end.
    const calls = ["set_config('synchronous_commit', 'off', true)", ...values.map((_, index) => `pg_notify('${channel}', $${index + 1})`)];
    try {
      const leave = await connections.lanes.own.enter();
      try {
        const { client } = await connections.connect();
        try {
          await client.query({ text: `select ${calls}`, values });
          client.release();
        } catch (error) {
          client.release(true);
          throw error;
        }
      } finally {
        leave();
      }
    } catch (error) {
      // It may be lost: whoever waits for it looks by itself now and then.
      observe.log('debug', 'a notice to other processes was lost', { error });
    }
    const again = (): void => {
      this.#sending = this.#pending.size > 0 && !this.#closed ? this.#send() : undefined;
    };
    clock.after(apartMs, again, { background: true });
  }

  async #listen(): Promise<void> {
    const { connections, runtime } = this.#context;
    const { clock, observe } = runtime;
    while (!this.#closed) {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      this.#end = end;
      try {
        const { client } = await connections.connect();
        try {
          client.on('error', () => end());
          client.on('notification', ({ payload }) => this.#take(payload));
          await client.query({ text: `listen ${channel}` });
          // By another connection: only what comes from elsewhere shows that a pooler passes it on.
          this.#give(this.#echo);
          if (!this.#closed) await ended;
        } finally {
          client.release(true);
        }
      } catch (error) {
        observe.log('debug', 'notices of other processes are not heard', { error });
      }
      // Who sleeps since it hears everything has to look by itself from now on.
      this.#hears(false);
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        const timer = clock.after(reconnectMs, resolve, { background: true });
        this.#end = () => {
          timer.cancel();
          resolve();
        };
      });
    }
  }

  /** Whatever was sent before may have been lost. */
  #hears(now: boolean): void {
    this.#heard = now;
    for (const listeners of this.#listeners.values()) for (const { heard } of listeners) heard();
  }

  #take(payload: string | undefined): void {
    if (payload === this.#echo) this.#hears(true);
    const { from, schema, topic } = noticeOf(payload);
    if (schema === undefined || topic === undefined) return;
    for (const { store, heard } of this.#listeners.get(schema) ?? []) if (store !== from) heard(topic);
  }
}
