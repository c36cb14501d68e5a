import { type ChildProcess, fork } from 'node:child_process';
import { type Attributes, sleep, systemClock } from 'seaworthy/core';
import type { Environment, Fleet, Launch } from 'seaworthy/fleet';
import { ProcessEnded, UsageInvalid } from './errors.ts';
import { nameOf } from './services.ts';

/** What a process of one service tells the one that watches it. */
export const readyMessage = 'ready';

/** After a death, doubled each time up to the longest; one that has lived for as long begins anew. */
const [firstMs, longestMs] = [500, 30_000];

/** Who listens where: the ports that were given, the others from the one behind the gateway's on. Throws `UsageInvalid`. */
export function portsOf({ services }: Fleet, { port, ports }: Pick<Environment, 'port' | 'ports'>): Readonly<Record<string, number>> {
  const given: Readonly<Record<string, number>> = typeof ports === 'object' ? ports : {};
  const missing = services.map(nameOf).filter((name) => given[name] === undefined);
  if (missing.length > 0 && port === 0)
    throw new UsageInvalid(
      `--each counts the ports of ${missing.join(', ')} from the gateway's on, which is 0: give --port, or --ports for each`,
    );
  let next = port;
  const taken = new Set([port, ...Object.values(given)]);
  const free = (): number => {
    do next++;
    while (taken.has(next));
    if (next > 65_535) throw new UsageInvalid(`--each finds no port above ${port}: give a lower --port, or --ports for each`);
    return next;
  };
  return { ...given, ...Object.fromEntries(missing.map((name) => [name, free()])) };
}

/** The gateway has the port that was given; the services, which cannot share it, any free one, which they tell. */
function operationsOf(name: string, { operations }: Environment): NodeJS.ProcessEnv {
  if (!operations) return {};
  const { host, port } = operations;
  const at = host?.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return { SEAWORTHY_OPERATIONS: `${at === undefined ? '' : `${at}:`}${name === 'gateway' ? (port ?? 0) : 0}` };
}

/** Runs each service of the fleet, and its gateway, in a process of its own, and again when it dies, until all are asked to stop. */
export async function startEach(
  { fleet }: Launch,
  file: string,
  env: Environment,
  { asked, log }: { readonly asked: Promise<string>; readonly log: (level: 'info' | 'error', message: string, more?: Attributes) => void },
): Promise<void> {
  const ports = portsOf(fleet, env);
  const host = env.host.includes(':') ? `[${env.host}]` : env.host;
  const own = Object.entries(ports).map(([name, port]) => [name, `${name}=http://${host}:${port}`] as const);
  const stopping = new AbortController();

  /** One life of one process; whether it came to run, and how it ended. */
  function live(name: string): Promise<{ readonly ran: boolean; readonly how: number | string }> {
    const addresses = own.filter(([other]) => other !== name).map(([, address]) => address);
    const child: ChildProcess = fork(process.argv[1] as string, ['start', name, '--fleet', file], {
      env: {
        ...process.env,
        ...{ SEAWORTHY_DIR: env.dir, HOST: env.host, PORT: String(env.port), LOG_LEVEL: env.logLevel },
        ...{ SEAWORTHY_DRAIN: String(env.drain), SEAWORTHY_GRACE: String(env.grace), SEAWORTHY_ADDRESSES: addresses.join() },
        ...operationsOf(name, env),
        SEAWORTHY_PORTS: name === 'gateway' ? '' : `${name}=${ports[name]}`,
      },
    });
    let ran = false;
    child.on('message', (message) => {
      if (message !== readyMessage) return;
      ran = true;
      log('info', `${name} runs in a process of its own`, { service: name, pid: Number(child.pid) });
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

  /** Keeps one process alive. Rejects when it never came to run: what is wrong then is wrong the next time, too. */
  async function keep(name: string): Promise<void> {
    for (let [everRan, waitMs] = [false, firstMs]; !stopping.signal.aborted; waitMs = Math.min(longestMs, 2 * waitMs)) {
      const began = performance.now();
      const { ran, how } = await live(name);
      everRan ||= ran;
      if (stopping.signal.aborted) return;
      if (!everRan) throw new ProcessEnded(`${name} did not start, and its process ended with ${how}: its own lines above say why`);
      if (performance.now() - began > longestMs) waitMs = firstMs;
      log('error', `${name} ended with ${how}: it is started again`, { service: name, inMs: waitMs });
      await sleep(systemClock, waitMs, stopping.signal).catch(() => {}); // it stops: no further life
    }
  }

  const names = [...fleet.services.map(nameOf), ...(fleet.gateway ? ['gateway'] : [])];
  const all = Promise.all(names.map(keep));
  try {
    await Promise.race([asked, all]);
    log('info', `${await asked}: all are stopped`);
  } finally {
    stopping.abort();
    await Promise.allSettled([all]);
  }
}
