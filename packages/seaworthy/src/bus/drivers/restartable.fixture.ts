import { macrotask } from '../../core/event-loop.ts';
import type { Bus, BusDriver, SubscribeOptions, Subscription } from '../bus.ts';
import type { Ground } from '../conformance.ts';

/** One subscription of a client, over all connections to the engine. */
interface Connected {
  disconnect(): Promise<void>;
  connect(): Promise<void>;
}

/**
 * The driver with an engine that can go down for a moment: meanwhile every call fails. Its members lose their connection, with
 * what they have in flight, and connect again once the engine is back.
 */
export function restartable(driver: BusDriver): Required<Pick<Ground, 'driver' | 'restart'>> {
  let down = false;
  const clients = new Set<Connected>();
  const check = (): void => {
    if (down) throw new Error('the engine is down');
  };

  async function subscribe(bus: Bus, options: SubscribeOptions): Promise<Subscription> {
    check();
    let current: Subscription = await bus.subscribe(options);
    const client: Connected = {
      disconnect: () => current.close(AbortSignal.abort(new Error('the connection is lost'))),
      async connect() {
        current = await bus.subscribe(options);
      },
    };
    clients.add(client);
    return {
      close(signal) {
        clients.delete(client);
        return current.close(signal);
      },
    };
  }

  return {
    driver: {
      async open(runtime) {
        const bus = await driver.open(runtime);
        return {
          ...bus,
          async publish(topic, envelopes) {
            check();
            await bus.publish(topic, envelopes);
          },
          subscribe: (options) => subscribe(bus, options),
        };
      },
    },
    async restart() {
      down = true;
      await Promise.all([...clients].map((client) => client.disconnect()));
      for (let turns = 0; turns < 10; turns++) await macrotask();
      down = false;
      await Promise.all([...clients].map((client) => client.connect()));
    },
  };
}
