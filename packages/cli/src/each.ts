import { type ChildProcess, fork } from 'node:child_process';
import { type Attributes, sleep, systemClock } from 'seaworthy/core';
import type { Environment, Fleet, Launch } from 'seaworthy/fleet';
import { ProcessEnded, UsageInvalid } from './errors.ts';
import { nameOf } from './services.ts';

/** The message by which the process of a service reports to its parent that it is ready. */
export const readyMessage = 'ready';

/** The wait before a restart, which doubles up to the longest; a process that ran for that long starts with the first again. */
const [firstMs, longestMs] = [500, 30_000];

/** Returns the port of each service: the given one, or the next free number after the gateway's port. Throws `UsageInvalid`. */
export function portsOf(
  { services }: Fleet,
  { port, services: ports }: Pick<Environment['listen'], 'port' | 'services'>,
): Readonly<Record<string, number>> {
  const given: Readonly<Record<string, number>> = typeof ports === 'object' ? ports : {};
  const missing = services.map(nameOf).filter((name) => given[name] === undefined);
  if (missing.length > 0 && port === 0)
    throw new UsageInvalid(
      `--each numbers the ports of ${missing.join(', ')} from the gateway's port, which is 0: give a --port above 0, or --ports for each service`,
    );
  let next = port;
  const taken = new Set([port, ...Object.values(given)]);
  const free = (): number => {
    do next++;
    while (taken.has(next));
    if (next > 65_535) throw new UsageInvalid(`--each found no port above ${port}: give a lower --port, or --ports for each service`);
    return next;
  };
  return { ...given, ...Object.fromEntries(missing.map((name) => [name, free()])) };
}

/** The gateway listens on the given port. The services cannot share it, so each picks a free one and logs it. */
function operationsOf(name: string, { operations }: Environment['listen']): NodeJS.ProcessEnv {
  if (!operations) return {};
  const { host, port } = operations;
  const at = host?.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return { SEAWORTHY_OPERATIONS: `${at === undefined ? '' : `${at}:`}${name === 'gateway' ? (port ?? 0) : 0}` };
}

/** Runs each service of the fleet, and its gateway, in its own process, and restarts one that dies, until it is asked to stop. */
export async function startEach(
  { fleet }: Launch,
  file: string,
  env: Environment,
  { asked, log }: { readonly asked: Promise<string>; readonly log: (level: 'info' | 'error', message: string, more?: Attributes) => void },
): Promise<void> {
  const { listen, shutdown } = env;
  const ports = portsOf(fleet, listen);
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const own = Object.entries(ports).map(([name, port]) => [name, `${name}=http://${host}:${port}`] as const);
  const stopping = new AbortController();

  /** Runs one process until it ends. Returns whether it became ready, and its exit code or signal. */
  function runOnce(name: string): Promise<{ readonly ran: boolean; readonly how: number | string }> {
    const addresses = own.filter(([other]) => other !== name).map(([, address]) => address);
    const child: ChildProcess = fork(process.argv[1] as string, ['start', name, '--fleet', file], {
      env: {
        ...process.env,
        ...{ SEAWORTHY_DIR: env.dir, HOST: listen.host, PORT: String(listen.port), LOG_LEVEL: env.logLevel },
        ...{ SEAWORTHY_DRAIN: String(shutdown.drain), SEAWORTHY_GRACE: String(shutdown.grace), SEAWORTHY_ADDRESSES: addresses.join() },
        ...operationsOf(name, listen),
        SEAWORTHY_PORTS: name === 'gateway' ? '' : `${name}=${ports[name]}`,
      },
    });
    let ran = false;
    child.on('message', (message) => {
      if (message !== readyMessage) return;
      ran = true;
      log('info', `${name} runs in its own process`, { service: name, pid: Number(child.pid) });
    });
    const end = (): void => void child.kill('SIGTERM');
    stopping.signal.addEventListener('abort', end, { once: true });
    if (stopping.signal.aborted) end();
    return new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        stopping.signal.removeEventListener('abort', end);
        resolve({ ran, how: signal ?? code ?? 1 });
      });
    });
  }

  /** Keeps one process alive. Rejects if the process never became ready: a restart would fail in the same way. */
  async function keep(name: string): Promise<void> {
    for (let [everRan, waitMs] = [false, firstMs]; !stopping.signal.aborted; waitMs = Math.min(longestMs, 2 * waitMs)) {
      const began = performance.now();
      const { ran, how } = await runOnce(name);
      everRan ||= ran;
      if (stopping.signal.aborted) return;
      if (!everRan) throw new ProcessEnded(`${name} did not start, its process ended with ${how}: see its output above`);
      if (performance.now() - began > longestMs) waitMs = firstMs;
      log('error', `${name} ended with ${how}; restarting`, { service: name, waitMs });
      await sleep(systemClock, waitMs, stopping.signal).catch(() => {}); // the command stops during the wait
    }
  }

  const names = [...fleet.services.map(nameOf), ...(fleet.gateway ? ['gateway'] : [])];
  const all = Promise.all(names.map(keep));
  try {
    await Promise.race([asked, all]);
    log('info', `stopping all processes: ${await asked}`);
  } finally {
    stopping.abort();
    await Promise.allSettled([all]);
  }
}
