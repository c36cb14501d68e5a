import { mkdirSync } from 'node:fs';
import { freePort } from '../../../scripts/port.ts';
import { startProcessor } from '../processor/start.ts';
import { type SpawnedShop, spawnShop } from '../spawn.ts';
import { type Blow, type RoundResult, round, strikeAfter } from './round.ts';

const services = ['orders', 'payments', 'inventory'];

/** One process of one service. */
export interface ServiceProcess {
  readonly service: string;
  /** Sends a signal that the process survives. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  kill(): Promise<unknown>;
  start(): Promise<void>;
}

/** The shop in several processes on one machine: two of each service, on the same databases, and one gateway. */
export interface Several {
  readonly url: string;
  readonly processes: readonly ServiceProcess[];
  /** Runs a round in which `blow` is dealt after `ms`. */
  round(parts: { readonly run: string; readonly orders: number; readonly ms: number; readonly blow: Blow }): Promise<RoundResult>;
  close(): Promise<void>;
}

/** Starts the processes. `store`: the address of their database; default files in `dir`. */
export async function startSeveral(dir: string, store = ''): Promise<Several> {
  mkdirSync(dir, { recursive: true });
  const processor = await startProcessor({ dir });
  const places: { readonly service: string; readonly port: number }[] = [];
  for (const service of [...services, ...services]) places.push({ service, port: await freePort() });
  const at = (service: string): string =>
    places
      .filter((place) => place.service === service)
      .map(({ port }) => `http://127.0.0.1:${port}`)
      .join('|');
  const common = {
    SEAWORTHY_STORE: store,
    SHOP_PROCESSOR: processor.url,
    SEAWORTHY_ADDRESSES: services.map((service) => `${service}=${at(service)}`).join(','),
  };
  const begin = ({ service, port }: (typeof places)[number]): Promise<SpawnedShop> =>
    spawnShop({ dir, env: { ...common, SEAWORTHY_ONLY: service, SEAWORTHY_PORTS: `${service}=${port}` } });
  const running = await Promise.all(places.map(begin));
  const gateway = await spawnShop({ dir, env: { ...common, SEAWORTHY_ONLY: 'gateway' } });
  return {
    url: gateway.url,
    processes: places.map((place, index) => ({
      service: place.service,
      signal: (signal) => void running[index]?.child.kill(signal),
      kill: async () => running[index]?.kill(),
      async start() {
        running[index] = await begin(place);
      },
    })),
    round: ({ run, orders, ms, blow }) => round({ url: gateway.url, run, orders, strike: () => strikeAfter(ms, blow) }),
    async close() {
      await gateway.stop();
      await Promise.all(running.map((shop) => shop.stop()));
      await processor.stop();
    },
  };
}
