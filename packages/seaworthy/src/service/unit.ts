import type { TraceContext } from '../core/trace.ts';
import type { Publish } from '../outbox/publish.ts';
import type { Start, Stop } from '../saga/saga.ts';
import type { Tx } from '../store/store.ts';

/** What one room collects of one run of one handler. It begins empty at each run, since a conflict may repeat it. */
export interface Collected {
  /** Writes it with the handler's transaction. Returns how many rows. */
  write(tx: Tx): Promise<number>;
}

/** What a service's handlers may leave behind for the relay and the saga engine. */
export interface Collectors {
  /** `trace` is what publishes or starts them. */
  publishing(tx: unknown, trace: TraceContext | undefined): Collected & { readonly publish: Publish<Record<string, never>> };
  starting(tx: unknown, trace: TraceContext | undefined): Collected & { readonly start: Start; readonly stop: Stop; committed(): void };
  /** Called after a commit that wrote events, so that nobody needs to poll. */
  wakeRelay(): void;
}

/** The changes of one run of a handler beside its rows: events and saga starts. */
export interface Unit {
  readonly publish: Publish<Record<string, never>>;
  readonly start: Start;
  readonly stop: Stop;
  write(tx: Tx): Promise<void>;
  /** After the commit. */
  committed(): void;
}

export function unit(collectors: Collectors, tx: unknown, trace: TraceContext | undefined): Unit {
  const events = collectors.publishing(tx, trace);
  const sagas = collectors.starting(tx, trace);
  let published = 0;
  return {
    publish: events.publish,
    start: sagas.start,
    stop: sagas.stop,
    async write(tx) {
      published = await events.write(tx);
      await sagas.write(tx);
    },
    committed() {
      if (published > 0) collectors.wakeRelay();
      sagas.committed();
    },
  };
}
