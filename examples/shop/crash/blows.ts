import type { PostgresCluster } from '../../../scripts/postgres-cluster.ts';
import type { CuttingProxy } from './cutting-proxy.ts';
import type { Blow } from './round.ts';
import type { ServiceProcess } from './several.ts';

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const nothing = async (): Promise<void> => {};

/** A killed process, which starts again only after its orders are settled by the survivors. */
export const kill = (process: ServiceProcess): Blow => ({
  name: `${process.service} killed`,
  deal: async () => void (await process.kill()),
  mend: () => process.start(),
});

/** Longer than a lease, so that another process takes what the paused one has. */
const pauseMs = 5000;

/** A process that stands still for longer than its lease, and then goes on as if nothing had happened. */
export const pause = (process: ServiceProcess): Blow => ({
  name: `${process.service} paused`,
  async deal() {
    process.signal('SIGSTOP');
    await delay(pauseMs);
    process.signal('SIGCONT');
  },
  mend: nothing,
});

/** The database is away for a while. */
export const restart = (server: PostgresCluster, mode: 'fast' | 'immediate', downMs: number): Blow => ({
  name: `database restarted, ${mode}`,
  async deal() {
    await server.down(mode);
    await delay(downMs);
    await server.up();
  },
  mend: nothing,
});

/** Every connection is ended by the server. */
export const disconnect = (server: PostgresCluster): Blow => ({
  name: 'all connections ended',
  deal: async () =>
    void (await server.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    )),
  mend: nothing,
});

/** Some connections are cut while they commit, until all orders are settled. */
export const cut = (proxy: CuttingProxy, share: number): Blow => ({
  name: `${share * 100} % of commits cut`,
  async deal() {
    proxy.share = share;
  },
  async mend() {
    proxy.share = 0;
  },
});
