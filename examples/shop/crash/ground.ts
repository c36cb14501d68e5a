import { startPostgres } from '../../../scripts/postgres-cluster.ts';
import { cut, disconnect, kill, pause, restart } from './blows.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import type { Blow } from './round.ts';
import type { ServiceProcess } from './several.ts';

/** Where the shop keeps its data during a run. */
export interface Ground {
  /** Its address, as `SEAWORTHY_STORE` takes it. */
  readonly store: string;
  /** What may happen to several processes, by name; one of them is chosen by chance. */
  readonly blows: Readonly<Record<string, (process: ServiceProcess) => Blow>>;
  /** Returns what the run has left wrong in the ground itself. */
  faults(): readonly string[];
  close(): Promise<void>;
}

/** Files in the shop's folder. */
export const files: Ground = { store: '', blows: { kill }, faults: () => [], close: async () => {} };

/** What may happen on each ground. */
export const blowNames = {
  files: ['kill'],
  postgres: ['kill', 'restart', 'cut', 'pause', 'crash', 'disconnect'],
} as const;

/** A server of this run alone, which is away for `downMs` when it is restarted. */
export async function postgresGround(random: () => number, downMs: number): Promise<Ground> {
  const server = await startPostgres({ max_connections: '120' });
  await server.createDatabase('shop');
  const proxy = await startCuttingProxy(server.url('shop'), random);
  return {
    store: proxy.url,
    blows: {
      kill,
      restart: () => restart(server, 'fast', downMs),
      cut: () => cut(proxy, 0.02),
      pause,
      crash: () => restart(server, 'immediate', downMs),
      disconnect: () => disconnect(server),
    },
    faults() {
      const deadlocks = server
        .log()
        .split('\n')
        .filter((line) => line.startsWith('40P01'));
      return deadlocks.length === 0 ? [] : [`${deadlocks.length} deadlocks in the database: ${deadlocks[0]}`];
    },
    async close() {
      await proxy.close();
      await server.stop();
    },
  };
}
