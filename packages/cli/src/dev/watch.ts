import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemClock, type Timer } from 'seaworthy/core';

/** Watches source files and, while `anything` returns true, any other source file in their folders. */
export interface Watching {
  /** Watches a file; `mtimeMs` is its modification time when it was loaded. A change since then is reported at once. */
  add(path: string, mtimeMs: number): void;
  close(): void;
}

const source = /\.(ts|mts|cts|js|mjs|cjs|json)$/;
/** Editors write a file in several steps; changes within this time are reported as one. */
const settleMs = 80;

const mtimeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.mtimeMs;

/** Starts to watch; calls `changed` once for several changes in quick succession. */
export function watching({ changed, anything }: { readonly changed: (path: string) => void; readonly anything: () => boolean }): Watching {
  const folders = new Map<string, FSWatcher>();
  const files = new Map<string, number>();
  let timer: Timer | undefined;

  function soon(path: string): void {
    timer?.cancel();
    timer = systemClock.after(settleMs, () => changed(path));
  }

  function look(path: string): void {
    const known = files.get(path);
    const now = mtimeOf(path);
    if (now === undefined || now === known || (known === undefined && !(anything() && source.test(path)))) return;
    if (known !== undefined) files.set(path, now);
    soon(path);
  }

  return {
    add(path, mtimeMs) {
      files.set(path, mtimeMs);
      const folder = dirname(path);
      if (!folders.has(folder)) {
        const watcher = watch(folder, (_, name) => name !== null && look(join(folder, basename(name))));
        watcher.on('error', () => folders.delete(folder));
        folders.set(folder, watcher);
      }
      look(path);
    },
    close() {
      timer?.cancel();
      for (const watcher of folders.values()) watcher.close();
    },
  };
}
