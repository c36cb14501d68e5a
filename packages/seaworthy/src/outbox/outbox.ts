import { type Envelope, envelope, typeOf } from '../bus/envelope.ts';
import type { At, Contract, Event, Members } from '../contract/contract.ts';
import { examine, sentence } from '../contract/schema.ts';
import { milliseconds } from '../core/duration.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TraceContext } from '../core/trace.ts';
import type { Tx, Value } from '../store/store.ts';
import { EventInvalid } from './errors.ts';
import type { Publish } from './publish.ts';

/** The events of one run of one handler. Begin with a fresh one at each run, since a conflict may repeat it. */
export interface Collector<M> {
  /** Takes the data as it is now. Throws `EventInvalid` when it is no JSON. */
  readonly publish: Publish<M>;
  /**
   * Puts what was published into the outbox, with the handler's transaction; returns how many events.
   * Throws `EventInvalid` when data breaks the contract: let the transaction roll back.
   */
  write(tx: Tx): Promise<number>;
}

interface Collected {
  readonly event: Event & At;
  readonly json: string;
}

const rowsAtOnce = 100;

/** `trace` is what publishes them; it is kept with each event. Default none. */
export function collector<S extends string, M extends Members>(
  contract: Contract<S, M>,
  runtime: Runtime,
  trace?: TraceContext,
): Collector<M> {
  const events = contract as unknown as {
    readonly [name: string]: (Event & At) | undefined;
  };
  const collected: Collected[] = [];

  function publish(name: string, data: unknown): void {
    const event = events[name];
    if (event?.kind !== 'event') {
      throw new EventInvalid(`${contract['~contract']} has no event ${name}: declare it in the contract`, []);
    }
    let json: string | undefined;
    try {
      json = JSON.stringify(data);
    } catch (cause) {
      throw new EventInvalid(`the data of ${event.service}.${name} cannot be written as JSON (${(cause as Error).message})`, [], { cause });
    }
    if (json === undefined) throw new EventInvalid(`the data of ${event.service}.${name} is no JSON but ${typeof data}`, []);
    collected.push({ event, json });
  }

  /** Examines what the subscribers will get: the data after its way through JSON. */
  async function envelopeOf({ event, json }: Collected, nowMs: number): Promise<Envelope> {
    const type = typeOf(event.service, event.name);
    const data: unknown = JSON.parse(json);
    const examined = await examine(event.data, data);
    if ('findings' in examined) {
      throw new EventInvalid(
        `the data of ${type} breaks its contract (${sentence(examined.findings)}): correct what is published`,
        examined.findings,
      );
    }
    const key = (examined.value as Readonly<Record<string, unknown>>)[event.key];
    if (typeof key !== 'string' || key === '') {
      const issue = {
        path: event.key,
        message: 'is the key and must be a string that is not empty',
      };
      throw new EventInvalid(`the data of ${type} has no key (${sentence([issue])})`, [issue]);
    }
    return envelope({
      id: runtime.ids.next(),
      service: event.service,
      event: event.name,
      key,
      now: nowMs,
      data,
      notAfterMs: event.notAfter === undefined ? undefined : milliseconds(event.notAfter),
      trace,
    });
  }

  return {
    publish: publish as Publish<M>,
    async write(tx) {
      if (collected.length === 0) return 0;
      const now = runtime.clock.now();
      const values: Value[] = [];
      for (const one of collected) values.push(now, JSON.stringify(await envelopeOf(one, now)));
      runtime.reached('outbox/append/before');
      for (let from = 0; from < values.length; from += 2 * rowsAtOnce) {
        const some = values.slice(from, from + 2 * rowsAtOnce);
        await tx.run(
          `insert into sw_outbox (at, envelope) values ${Array(some.length / 2)
            .fill('(?, ?)')
            .join(', ')}`,
          ...some,
        );
      }
      runtime.reached('outbox/append/after');
      return collected.length;
    },
  };
}
