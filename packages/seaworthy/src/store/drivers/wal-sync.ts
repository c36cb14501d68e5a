import { closeSync, fdatasync, fdatasyncSync, fsync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../core/clock.ts';
import { trackIo } from '../../core/event-loop.ts';
import { isBusy } from './sqlite-busy.ts';
import type { Connection } from './sqlite-connection.ts';
import type { Standing } from './sqlite-standing.ts';

/** Makes the content of an open file durable, in another thread or synchronously. */
export interface Disk {
  flush(file: number): Promise<void>;
  flushNow(file: number): void;
}

const machine: Disk = { flush: promisify(fdatasync), flushNow: fdatasyncSync };
const flushAll = promisify(fsync);

/** A disk that is usually quicker than this is waited for at once: the way through another thread would take longer. */
const quickMs = 1;
/** The first estimate of how long a flush takes; it then moves towards what each flush took. */
const usualAtFirstMs = 8;
const weight = 1 / 8;

/**
 * The write-ahead log of one file, made durable beside the event loop unless the disk is quick: SQLite's own
 * `synchronous = full` would hold up the whole process for as long as the disk takes. SQLite commits with `synchronous = normal`, which keeps the order of what is written
 * (https://sqlite.org/pragma.html#pragma_synchronous); a commit is acknowledged, and shown to readers, only once the log is on disk.
 */
export interface WalSync {
  /** Resolves once all earlier commits are durable. When the disk refuses, `standing` is broken. */
  flush(): Promise<void>;
  /** Called after a read. Resolves once everything that it read is durable, whichever process wrote it. `undefined` when it is durable already. */
  flushedForReaders(): Promise<void> | undefined;
  close(): Promise<void>;
}

export interface WalSyncDeps {
  readonly path: string;
  /** The connection that commits: its version changes with what other processes commit, and not with its own commits. */
  readonly write: Connection;
  readonly standing: Standing;
  readonly clock: Clock;
  readonly disk?: Disk | undefined;
}

export function walSync({ path, write, standing, clock, disk = machine }: WalSyncDeps): WalSync {
  let file: number | undefined;
  let running: Promise<void> | undefined;
  /** The flush that begins once the running one has ended. */
  let next: Promise<void> | undefined;
  /** Commits of other processes up to this version are durable once no flush runs or waits. */
  let seenVersion: unknown;
  let usualMs = usualAtFirstMs;

  /** The log exists from the first commit on, and so does its entry in the folder. */
  async function opened(): Promise<number> {
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

  /** Returns the version before the first read; nothing, while another process recovers the file. */
  function found(): unknown {
    try {
      return write.version();
    } catch (error) {
      if (!isBusy(error)) throw error;
      return undefined;
    }
  }

  async function run(): Promise<void> {
    try {
      standing.check();
      seenVersion ??= found();
      const log = file ?? (await trackIo(opened()));
      const began = clock.monotonic();
      if (usualMs < quickMs) disk.flushNow(log);
      else await trackIo(disk.flush(log));
      usualMs += (clock.monotonic() - began - usualMs) * weight;
    } catch (error) {
      standing.broke('its disk refused the log', error);
      seenVersion = undefined;
      throw error;
    }
  }

  function begin(): Promise<void> {
    running = run().finally(() => {
      running = undefined;
    });
    return running;
  }

  function flush(): Promise<void> {
    // A flush that has not begun yet covers all earlier commits.
    if (next || !running) return next ?? begin();
    next = running
      .catch(() => {}) // the caller that waits for that one gets its error
      .then(() => {
        next = undefined;
        return begin();
      });
    return next;
  }

  function flushedForReaders(): Promise<void> | undefined {
    const version = write.version();
    if (version !== seenVersion) {
      seenVersion = version;
      flush().catch(() => {}); // as above
    }
    return next ?? running;
  }

  return {
    flush,
    flushedForReaders,
    async close() {
      await (next ?? running)?.catch(() => {}); // as above
      if (file !== undefined) closeSync(file);
    },
  };
}
