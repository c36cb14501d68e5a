import { isDeepStrictEqual } from 'node:util';
import type { Level, Read } from '../store/store.ts';
import type { Started, Stopping } from './saga.ts';

/** How the instance of a key stands, as a handler sees it: `stopping` is one that runs and is to be undone. */
export interface Standing {
  readonly id: string;
  readonly state: string;
  readonly input: unknown;
}

/** One call of `start` or `stop`: what it makes of the instance of its key, of which there may be none. */
export interface Asked {
  readonly level: Level;
  readonly saga: string;
  /** `undefined` where each start is an instance of its own. */
  readonly key: string | undefined | Promise<string | undefined>;
  readonly after: (before: Standing | undefined) => Promise<Standing | undefined> | Standing | undefined;
}

function parsed(input: unknown): unknown {
  try {
    return JSON.parse(String(input));
  } catch {
    return undefined; // no input is equal to it
  }
}

/** The instance of a key as `earlier` calls of the same handler leave it, which are not written yet. */
export async function standingOf(read: Read, saga: string, key: string, earlier: readonly Asked[]): Promise<Standing | undefined> {
  const [row] = await read.all('select id, state, stopping, input from sw_saga where name = ? and saga_key = ?', saga, key);
  let standing: Standing | undefined;
  if (row) {
    const halted = row['state'] === 'running' && row['stopping'] !== null;
    standing = { id: String(row['id']), state: halted ? 'stopping' : String(row['state']), input: parsed(row['input']) };
  }
  for (const one of earlier) if (one.saga === saga && !one.level.undone && (await one.key) === key) standing = await one.after(standing);
  return standing;
}

/** What came of a start with `input` under the identity `id`. */
export function startedOf(before: Standing | undefined, id: string, input: unknown): Started {
  if (!before) return { started: true, id };
  const already = before.state as Extract<Started, { started: false }>['already'];
  return { started: false, id: before.id, already, sameInput: isDeepStrictEqual(before.input, input) };
}

/** What came of a stop. */
export function stoppingOf(before: Standing | undefined): Stopping {
  if (before?.state === 'running' || before?.state === 'stopping') return { stopping: true, id: before.id };
  return { stopping: false, already: (before?.state ?? 'unknown') as Extract<Stopping, { stopping: false }>['already'] };
}

/** A promise that asks only once somebody awaits it. */
export function whenAwaited<V>(ask: () => Promise<V>): PromiseLike<V> {
  let asked: Promise<V> | undefined;
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is meant to be awaited
    then(fulfilled, rejected) {
      asked ??= ask();
      return asked.then(fulfilled, rejected);
    },
  };
}
