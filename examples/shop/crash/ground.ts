import { type PostgresCluster, startPostgres } from '../../../scripts/postgres-cluster.ts';
import { cut, disconnect, kill, pause, restart } from './blows.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';
import type { Blow } from './round.ts';
import type { ServiceProcess } from './several.ts';

/** Where the shop keeps its data during a run. */
export interface Ground {
  /** Its address, as `SEAWORTHY_STORE` takes it. */
  readonly store: string;
  /** What may happen to several processes, in turn. `process` is one of them, chosen by chance. */
  blow(index: number, process: ServiceProcess): Blow;
  /** Returns what the run has left wrong in the ground itself. */
  faults(): readonly string[];
  close(): Promise<void>;
}

/** Files in the shop's folder. */
export const files: Ground = { store: '', blow: (_, process) => kill(process), faults: () => [], close: async () => {} };

const downMs = 2000;

/** Every third blow is a kill or a pause of one process, so that each service gets its share. */
function blowsOf(server: PostgresCluster, proxy: CuttingProxy, process: ServiceProcess): readonly Blow[] {
  return [
    kill(process),
    restart(server, 'fast', downMs),
    cut(proxy, 0.02),
    pause(process),
    restart(server, 'immediate', downMs),
    kill(process),
    disconnect(server),
    restart(server, 'immediate', 0),
    pause(process),
    cut(proxy, 0.02),
  ];
}

/** A server of this run alone. */
export async function postgresGround(random: () => number): Promise<Ground> {
  const server = await startPostgres({ max_connections: '120' });
  await server.createDatabase('shop');
  const proxy = await startCuttingProxy(server.url('shop'), random);
  return {
    store: proxy.url,
    blow(index, process) {
      const blows = blowsOf(server, proxy, process);
      return blows[index % blows.length] as Blow;
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
