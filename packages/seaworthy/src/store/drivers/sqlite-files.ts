import { realpathSync, statSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';

/** A check costs a few microseconds for each file, a commit tens of them. */
const everyMs = 100;
const endings = ['', '-wal', '-shm'] as const;

/** The files of one open database. */
export interface Files {
  /** The path of the database behind any links: SQLite keeps its log there. */
  readonly path: string;
  /**
   * Returns the name of a file that was removed or replaced, so that further writes would be lost. It checks at most ten times a second.
   */
  missing(): string | undefined;
}

/** `path` exists. */
export function files(path: string, clock: Clock): Files {
  const real = realpathSync(path);
  const known = new Map<string, bigint>();
  let lookedAt = Number.NEGATIVE_INFINITY;

  function look(name: string): boolean {
    const found = statSync(name, { bigint: true, throwIfNoEntry: false })?.ino;
    // The log and its index are created with the first commit.
    const before = known.get(name);
    if (before === undefined && found !== undefined) known.set(name, found);
    return before === undefined || before === found;
  }

  look(real);
  return {
    path: real,
    missing() {
      // Windows does not allow an open file to be removed or replaced.
      if (process.platform === 'win32' || clock.monotonic() - lookedAt < everyMs) return undefined;
      lookedAt = clock.monotonic();
      return endings.map((ending) => real + ending).find((name) => !look(name));
    },
  };
}
