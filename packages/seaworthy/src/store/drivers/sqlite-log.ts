import { closeSync, fdatasync, fsync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { atHand } from '../../core/turn.ts';
import type { Connection } from './sqlite-connection.ts';

/** What makes the content of an open file durable. */
export type Flush = (file: number) => Promise<void>;

const flushData: Flush = promisify(fdatasync);
const flushAll: Flush = promisify(fsync);

/**
 * The write-ahead log of one file, made durable beside the event loop: SQLite's own `synchronous = full` would hold up the whole
 * process for as long as the disk takes. SQLite commits with `synchronous = normal`, which keeps the order of what is written
 * (https://sqlite.org/pragma.html#pragma_synchronous); a commit is told of, and shown to readers, only once the log is on disk.
 */
export interface Log {
  /** Throws what the disk refused the log with: from then on nobody knows what is on it. */
  check(): void;
  /** Resolves once all that was committed before is durable. */
  flush(): Promise<void>;
  /** Resolves once all that could be read before is durable, whichever process wrote it; `undefined` when it is. */
  shown(): Promise<void> | undefined;
  close(): Promise<void>;
}

/** `write` is the connection that commits. */
export function log(path: string, write: Connection, flushed: Flush = flushData): Log {
  let file: number | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let broken: { readonly error: unknown } | undefined;
  /** Another one whenever somebody else has committed (https://sqlite.org/pragma.html#pragma_data_version). */
  const foreign = (): unknown => write.all('pragma data_version', [])[0]?.['data_version'];
  let durable: unknown;

  /** The log exists from the first commit on, and so does its entry in the folder. */
  async function opened(): Promise<number> {
    if (file !== undefined) return file;
    file = openSync(`${path}-wal`, 'r+');
    // On Windows a folder cannot be opened, and its entries need no flush.
    if (process.platform === 'win32') return file;
    const folder = openSync(dirname(path), 'r');
    try {
      await flushAll(folder);
    } finally {
      closeSync(folder);
    }
    return file;
  }

  function check(): void {
    if (broken) throw broken.error;
  }

  async function run(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => {}); // whoever waits for that one hears of it
    next = undefined;
    check();
    const version = foreign();
    try {
      await atHand(opened().then(flushed));
    } catch (error) {
      broken = { error };
      throw error;
    }
    durable = version;
  }

  function flush(): Promise<void> {
    // One that has not begun yet covers this commit too.
    if (next) return next;
    const mine: Promise<void> = run(running).finally(() => {
      if (running === mine) running = undefined;
    });
    if (running) next = mine;
    running = mine;
    return mine;
  }

  return {
    check,
    flush,
    shown: () => (foreign() === durable ? running : flush()),
    async close() {
      await running?.catch(() => {}); // as above
      if (file !== undefined) closeSync(file);
    },
  };
}
