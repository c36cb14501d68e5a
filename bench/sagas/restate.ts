import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as restate from '@restatedev/restate-sdk';
import * as clients from '@restatedev/restate-sdk-clients';
import { serve } from '../shared/contestant.ts';
import { type Figures, type Task, workload } from '../shared/workload.ts';
import { steps } from './steps.ts';

/** The same trips as a handler of Restate, whose server keeps a log of its own on the disk. */
interface Trip {
  readonly id: string;
  readonly bounces?: boolean;
}
const trips = restate.service({
  name: 'trips',
  handlers: {
    async book(context: restate.Context, { id, bounces }: Trip): Promise<number> {
      const undos: string[] = [];
      try {
        for (const name of steps) {
          undos.unshift(name);
          await context.run(name, async () => {
            if (bounces && name === 'mail') throw new restate.TerminalError('the mail bounced');
            return { ticket: `t-${id}` };
          });
        }
      } catch (error) {
        if (!(error instanceof restate.TerminalError)) throw error;
        for (const name of undos) await context.run(`undo ${name}`, async () => {});
      }
      return undos.length;
    },
  },
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

async function persistently<V>(work: () => PromiseLike<V>): Promise<V> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

await serve<Task, Figures>(async () => {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-bench-restate-'));
  const [ingress, admin, node, endpoint] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const env = {
    ...process.env,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_DISABLE_TELEMETRY: 'true',
    RUST_LOG: 'error',
    DO_NOT_TRACK: '1',
  };
  const server = spawn(join(folder, 'bin', 'restate-server'), ['--no-logo', '--base-dir', dir], { env, stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  process.once('exit', () => server.kill('SIGKILL'));
  await restate.serve({ services: [trips], port: endpoint, logger: () => {} });
  const body = JSON.stringify({ uri: `http://127.0.0.1:${endpoint}` });
  await persistently(async () => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, { method: 'POST', headers, body });
    if (!answer.ok) throw new Error(`the server of Restate answered ${answer.status} ${await answer.text()}`);
  });
  const client = clients.connect({ url: `http://127.0.0.1:${ingress}` }).serviceClient<typeof trips>({ name: 'trips' });
  await persistently(() => client.book({ id: 'first' }));
  let first = 0;
  return {
    run(task) {
      const from = first;
      first += task.count;
      return workload(task, async (index) => {
        const id = String(from + index);
        const input = { id, ...(task.compensated && { bounces: true }) };
        if ((await client.book(input, clients.rpc.opts({ idempotencyKey: id }))) !== steps.length) throw new Error('a step was not run');
      });
    },
    async stop() {
      server.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
});
