import { mkdirSync } from 'node:fs';
import { freePort } from '../../../scripts/port.ts';
import { startProcessor } from '../processor/start.ts';
import { type SpawnedShop, spawnShop } from '../spawn.ts';
import { type RoundResult, round } from './round.ts';

const services = ['orders', 'payments', 'inventory'];

/** The shop in several processes on one machine: two of each service, on the same databases, and one gateway. */
export interface Several {
  readonly url: string;
  /** Runs a round in which one process, chosen by `which` (0 to 1), is killed after `ms`. It restarts only after all orders are settled. */
  round(parts: { readonly run: string; readonly orders: number; readonly ms: number; readonly which: number }): Promise<RoundResult>;
  close(): Promise<void>;
}

export async function startSeveral(dir: string): Promise<Several> {
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
    SHOP_PROCESSOR: processor.url,
    SEAWORTHY_ADDRESSES: services.map((service) => `${service}=${at(service)}`).join(','),
  };
  const begin = ({ service, port }: (typeof places)[number]): Promise<SpawnedShop> =>
    spawnShop({ dir, env: { ...common, SEAWORTHY_ONLY: service, SEAWORTHY_PORTS: `${service}=${port}` } });
  const running = await Promise.all(places.map(begin));
  const gateway = await spawnShop({ dir, env: { ...common, SEAWORTHY_ONLY: 'gateway' } });
  return {
    url: gateway.url,
    round({ run, orders, ms, which }) {
      const index = Math.floor(which * running.length);
      return round({
        url: gateway.url,
        run,
        orders,
        strike() {
          let killedAt: number | undefined;
          let back: Promise<void> | undefined;
          const timer = setTimeout(() => {
            killedAt = performance.now();
            void running[index]?.kill();
          }, ms);
          return {
            killedAt: () => killedAt,
            over() {
              clearTimeout(timer);
              if (killedAt === undefined) return Promise.resolve();
              back ??= begin(places[index] as (typeof places)[number]).then((shop) => {
                running[index] = shop;
              });
              return back;
            },
          };
        },
      });
    },
    async close() {
      await gateway.stop();
      await Promise.all(running.map((shop) => shop.stop()));
      await processor.stop();
    },
  };
}
