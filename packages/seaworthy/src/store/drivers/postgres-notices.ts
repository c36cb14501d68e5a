import type { Runtime } from '../../core/runtime.ts';
import type { Connections } from './postgres-connections.ts';

const channel = 'seaworthy';
/** At most one notice of a topic in so many milliseconds. */
const apartMs = 10;
const reconnectMs = 1000;

interface Heard {
  readonly from: string;
  readonly schema: string;
  readonly topic: string;
}

/** Reads a notice. Anybody who may connect can send another text on the channel, which means nothing. */
function noticeOf(payload = ''): Partial<Heard> {
  try {
    return Object(JSON.parse(payload));
  } catch {
    return {};
  }
}

/** Notices between the processes on one server, by `listen` and `notify` on a channel that all services share. */
export class Notices {
  readonly #connections: Connections;
  readonly #runtime: Runtime;
  readonly #listeners = new Map<string, Set<(topic?: string) => void>>();
  readonly #pending = new Map<string, Heard>();
  readonly #me: string;
  #closed = false;
  #heard = false;
  #sending: Promise<void> | undefined;
  readonly #listening: Promise<void>;
  #end = (): void => {};

  constructor(connections: Connections, runtime: Runtime) {
    this.#connections = connections;
    this.#runtime = runtime;
    this.#me = runtime.ids.next();
    this.#listening = this.#listen();
  }

  /** Whether notices of other processes are heard at the moment. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Calls `heard` for each notice of another process about `schema`, and without a topic when some may have been lost. */
  hear(schema: string, heard: (topic?: string) => void): () => void {
    const all = this.#listeners.get(schema) ?? new Set();
    this.#listeners.set(schema, all.add(heard));
    return () => all.delete(heard);
  }

  /** Sends it outside of transactions: inside, all commits of the server would wait for each other. */
  tell(schema: string, topic: string): void {
    this.#pending.set(`${schema} ${topic}`, { from: this.#me, schema, topic });
    if (!this.#closed) this.#sending ??= this.#send();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
    await this.#listening;
    await this.#sending;
    // The last notice says that a worker has left.
    if (this.#pending.size > 0) await this.#send();
  }

  async #send(): Promise<void> {
    const { clock, observe } = this.#runtime;
    const notices = [...this.#pending.values()];
    this.#pending.clear();
    try {
      const leave = await this.#connections.lanes.own.enter();
      try {
        const { client } = await this.#connections.connect();
        try {
          const values = notices.map((notice) => JSON.stringify(notice));
          await client.query({ text: `select ${values.map((_, index) => `pg_notify('${channel}', $${index + 1})`)}`, values });
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
    const { clock, observe } = this.#runtime;
    while (!this.#closed) {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      this.#end = end;
      try {
        const { client } = await this.#connections.connect();
        try {
          client.on('error', () => end());
          client.on('notification', ({ payload }) => this.#take(payload));
          await client.query({ text: `listen ${channel}` });
          this.#heard = true;
          this.#wakeAll();
          if (!this.#closed) await ended;
        } finally {
          client.release(true);
        }
      } catch (error) {
        observe.log('debug', 'notices of other processes are not heard', { error });
      }
      this.#heard = false;
      // Who sleeps since it hears everything has to look by itself from now on.
      this.#wakeAll();
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

  #wakeAll(): void {
    for (const listeners of this.#listeners.values()) for (const heard of listeners) heard();
  }

  #take(payload: string | undefined): void {
    const { from, schema, topic } = noticeOf(payload);
    if (from === this.#me || schema === undefined || topic === undefined) return;
    for (const heard of this.#listeners.get(schema) ?? []) heard(topic);
  }
}
