import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Watches source files, and whatever source appears beside them while `anything` holds. */
export interface Watching {
  /** `mtimeMs` as it was when it was loaded: what changed since is told at once. */
  add(path: string, mtimeMs: number): void;
  close(): void;
}

const source = /\.(ts|mts|cts|js|mjs|cjs|json)$/;
/** Editors write in several steps. */
const settleMs = 80;

const mtimeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.mtimeMs;

/** Calls `changed` once for each flurry of changes. */
export function watching({ changed, anything }: { readonly changed: (path: string) => void; readonly anything: () => boolean }): Watching {
  const folders = new Map<string, FSWatcher>();
  const files = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  function soon(path: string): void {
    clearTimeout(timer);
    timer = setTimeout(() => changed(path), settleMs);
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
      clearTimeout(timer);
      for (const watcher of folders.values()) watcher.close();
    },
  };
}
