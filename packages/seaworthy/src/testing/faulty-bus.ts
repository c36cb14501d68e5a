import type { Bus, BusDriver, DisposableBusDriver, Handle, SubscribeOptions, Subscription } from '../bus/bus.ts';
import type { Envelope } from '../bus/envelope.ts';
import { disposable } from '../core/disposable.ts';
import { SeaworthyError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Faults } from './faults.ts';

/** A fault of `faultyBus`: it is unknown which events were published, or the member lost its connection. */
export class BusFault extends SeaworthyError {
  readonly code = 'SW_BUS_FAULT';
  readonly kind = 'unavailable';
}

/** The events that later ones of their key overtake. They are acknowledged already, so they are kept here until they are handled. */
type Overtaken = Map<string, Envelope>;

async function publish(bus: Bus, topic: string, envelopes: readonly Envelope[], faults: Faults, { clock }: Runtime): Promise<void> {
  if (faults.strikes('bus/publish/delayed')) await sleep(clock, faults.delayMs());
  if (faults.strikes('bus/publish/lost')) throw new BusFault('a fault: nothing was published');
  if (faults.strikes('bus/publish/torn')) {
    await bus.publish(topic, envelopes.slice(0, faults.below(envelopes.length)));
    throw new BusFault('a fault: some of the events were published');
  }
  await bus.publish(topic, envelopes);
  if (faults.strikes('bus/publish/unconfirmed')) throw new BusFault('a fault: all events were published');
}

/** Subscribes a member of a group that loses its connection at times and reconnects. */
async function member(bus: Bus, given: SubscribeOptions, overtaken: Overtaken, faults: Faults, runtime: Runtime): Promise<Subscription> {
  const { clock } = runtime;
  const closing = new AbortController();
  /** The current subscription; `undefined` while the first one is being made, when events may already arrive. */
  let current: Promise<Subscription | undefined> | undefined;

  async function reconnect(): Promise<Subscription | undefined> {
    const old = await current;
    await old?.close(AbortSignal.abort(new BusFault('a fault: the member lost its connection')));
    await sleep(clock, faults.delayMs(), closing.signal).catch(() => {});
    // If the member closed meanwhile, do not reconnect: the bus is closing.
    return closing.signal.aborted ? undefined : bus.subscribe(options).catch(() => undefined);
  }

  /** Delivers an overtaken event after a while, even if no later event of its key arrives. */
  function release(key: string): void {
    const run = async (): Promise<void> => {
      const behind = overtaken.get(key);
      if (!behind || closing.signal.aborted) return;
      await given.handle(behind, { signal: closing.signal }).then(
        () => overtaken.delete(key),
        () => release(key),
      );
    };
    clock.after(faults.delayMs(), () => void run(), { background: true });
  }

  /** Delivers another copy after a while, unless the member is closed by then. */
  function redeliver(envelope: Envelope, signal: AbortSignal): void {
    const run = (): void => {
      if (!closing.signal.aborted && !signal.aborted) given.handle(envelope, { signal }).catch(() => {});
    };
    clock.after(faults.delayMs(), run, { background: true });
  }

  const handle: Handle = async (envelope, delivery) => {
    const key = envelope.partitionkey;
    if (current && faults.strikes('bus/member/lost')) current = reconnect();
    if (faults.strikes('bus/delivery/delayed')) await sleep(clock, faults.delayMs(), delivery.signal);
    if (!overtaken.has(key) && faults.strikes('bus/delivery/overtaken')) {
      overtaken.set(key, envelope);
      return release(key);
    }
    await given.handle(envelope, delivery);
    const behind = overtaken.get(key);
    if (behind) {
      await given.handle(behind, delivery);
      overtaken.delete(key);
    }
    if (faults.strikes('bus/delivery/duplicated')) await given.handle(envelope, delivery);
    if (faults.strikes('bus/delivery/repeated')) redeliver(envelope, delivery.signal);
  };
  const options = { ...given, handle };
  current = bus.subscribe(options);
  await current;
  for (const key of overtaken.keys()) release(key);
  return {
    async close(signal) {
      closing.abort();
      await (await current)?.close(signal);
    },
  };
}

/**
 * Wraps a bus with faults: a publish rejects before, during or after it took effect, events are delivered late or more than once, and
 * members lose their connection. Order within a key is kept, unless `bus/delivery/overtaken` has a rate.
 */
export function faultyBus(driver: BusDriver, faults: Faults): DisposableBusDriver {
  const groups = new Map<string, Overtaken>();
  return {
    async open(runtime) {
      const bus = await driver.open(runtime);
      return disposable({
        ...bus,
        publish: (topic: string, envelopes: readonly Envelope[]) => publish(bus, topic, envelopes, faults, runtime),
        subscribe(given: SubscribeOptions) {
          const name = JSON.stringify([given.topic, given.group]);
          const overtaken = groups.get(name) ?? new Map<string, Envelope>();
          groups.set(name, overtaken);
          return member(bus, given, overtaken, faults, runtime);
        },
      });
    },
  };
}
