import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './port.ts';

/** A PostgreSQL server of one test run, which may be stopped at any moment. */
export interface PostgresCluster {
  readonly port: number;
  /** The address of one of its databases. Default `postgres`. */
  url(database?: string): string;
  createDatabase(name: string): Promise<void>;
  /** Stops the server: `fast` ends its connections in order, `immediate` leaves it as a crash does. */
  down(mode: 'fast' | 'immediate'): Promise<void>;
  /** Starts the server again. Resolves once it answers. */
  up(): Promise<void>;
  /** Runs one statement and returns what `psql` prints, without headers. */
  query(sql: string, database?: string): Promise<string>;
  /** What the server has logged until now. Each line begins with the SQLSTATE. */
  log(): string;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

/** Finds the programs of the newest server that is installed: `pg_config` may be that of a client. */
function programs(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((one, other) => Number(other) - Number(one)) : [];
  const configured = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' }).stdout?.trim();
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...(configured ? [configured] : [])];
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')));
  if (found === undefined) throw new Error('there is no initdb: install a PostgreSQL server, on Debian the package postgresql');
  return found;
}

/** Says why this machine cannot start a server; `undefined` when it can. Throws where one is required. */
export function postgresProgramsMissing(): string | undefined {
  try {
    programs();
    return undefined;
  } catch (error) {
    if (process.env['REQUIRE_ENGINES'] === '1') throw error;
    return (error as Error).message;
  }
}

/** The user of the server, which refuses to run as root. */
function serverUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

function run(program: string, args: readonly string[], options: SpawnOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.once('error', reject);
    // Not `close`: the server that `pg_ctl` starts keeps the pipes open.
    child.once('exit', (code) =>
      setImmediate(() => (code === 0 ? resolve(output) : reject(new Error(`${program} ended with ${code}: ${errors}${output}`)))),
    );
  });
}

/** Starts a server with data of its own, in memory where the machine has a folder for that. `settings` are those of `postgresql.conf`. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresCluster> {
  const bin = programs();
  const user = serverUser();
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'seaworthy-postgres-'));
  if (user) chownSync(dir, user.uid, user.gid);
  const [data, logFile] = [join(dir, 'data'), join(dir, 'log')];
  const port = await freePort();
  const program = (name: string, ...args: readonly string[]): Promise<string> => run(join(bin, name), args, { cwd: dir, ...user });
  const all = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', log_line_prefix: '%e ', ...settings };
  const flags = Object.entries(all).map(([name, value]) => `-c ${name}='${value}'`);
  const up = async (): Promise<void> => void (await program('pg_ctl', 'start', '-w', '-D', data, '-l', logFile, '-o', flags.join(' ')));
  const down = async (mode: string): Promise<void> => void (await program('pg_ctl', 'stop', '-w', '-D', data, '-m', mode));
  const url = (database = 'postgres'): string => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const query = async (sql: string, database?: string): Promise<string> =>
    (await program('psql', '-XAtq', '-d', url(database), '-c', sql)).trim();
  try {
    await program('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync');
    await up();
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
  return {
    port,
    url,
    query,
    createDatabase: async (name) => void (await query(`create database "${name}"`)),
    down,
    up,
    log: () => readFileSync(logFile, 'utf8'),
    async stop() {
      await down('immediate').finally(() => rmSync(dir, { recursive: true, force: true }));
    },
  };
}
