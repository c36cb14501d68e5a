import type { Scope } from '../../core/abort.ts';
import type { InFlight } from '../../core/in-flight.ts';
import type { Most } from '../../store/read-some.ts';
import type { Fragment, Read, Tx } from '../../store/store.ts';
import { timeoutMs } from '../handler.ts';
import { all, type Claimed, type Claiming, claimed, dead, due, either, oneOf, own, plain } from './claim.ts';
import { type Intent, markOf, setAside, suspect, take, takeDeathBack } from './intent-table.ts';
import type { ExternalCommand, ExternalDeps } from './prepare.ts';

/** The open intents that may be what kills their processes, as one process drives them. */
export interface ExternalSuspects {
  /** How many there were at the last look, in the whole database. */
  readonly count: number;
  /** Begins with one that is due, unless another suspect of the process runs. `found` is how many there are. */
  claim(found: number): Promise<void>;
}

export interface SuspectsDeps extends ExternalDeps {
  readonly inFlight: InFlight;
  /** What a claim goes by. `longestMs` is the longest wait of any other intent. */
  claiming(): Claiming;
  /** Runs `do` of an intent that was claimed in `term`. */
  drive(intent: Intent, command: ExternalCommand, term: number | undefined, within: Scope): Promise<unknown>;
}

/** After so many deaths an intent is left aside for a while. It may have reached the third party, and so is never given up. */
const mostDeaths = 5;
const longestAsideMs = 3_600_000;
/** The longest that a suspect is left aside, in milliseconds: 5 minutes, doubling with each further death up to an hour. */
export const asideMs = (deaths: number): number => Math.min(longestAsideMs, 300_000 * 2 ** Math.min(deaths - mostDeaths, 10));

/** Returns the operation of the next suspect, and its deaths: those with the fewest come first. */
async function nextSuspect(
  read: Read,
  operations: readonly string[],
  free: Fragment,
): Promise<{ readonly operation: string; readonly crashes: number } | undefined> {
  const [row] = await read.all(
    `select operation, crashes from sw_intent where ${oneOf(operations)} and ${suspect} and (${free.sql}) order by crashes, due limit 1`,
    ...operations,
    ...free.values,
  );
  return row && { operation: String(row['operation']), crashes: Number(row['crashes']) };
}

const freeSuspect = (claiming: Claiming): Fragment =>
  either(all(plain('in_flight = 1'), dead(claiming)), all(due(claiming), either(own(claiming), dead(claiming))));

/** Says whether `claimSuspect` would find an intent. */
const anySuspectDue = async (read: Read, operations: readonly string[], claiming: Claiming): Promise<boolean> =>
  (await nextSuspect(read, operations, freeSuspect(claiming))) !== undefined;

/**
 * Claims one suspect, and leaves aside those that have killed too many processes. The death that its run may be is written before the
 * run. It is due again at the time that `againOf` gives for its operation.
 */
async function claimSuspect(
  tx: Tx,
  operations: readonly string[],
  againOf: (operation: string) => number,
  claiming: Claiming,
): Promise<{ readonly one: Claimed | undefined; readonly leftAside: readonly Claimed[] }> {
  const { owner, now } = claiming;
  const by = freeSuspect(claiming);
  const set = plain('in_flight = 0');
  const some: Most = { rows: 64, bytes: 8 * 2 ** 20 };
  const listed = { sql: oneOf(operations), values: operations };
  const tooMany = all(listed, plain(`in_flight = 1 and crashes >= ${mostDeaths}`));
  const { intents: leftAside } = await claimed(tx, claiming, { live: tooMany, by, set }, some);
  for (const { intent, crashes } of leftAside) await setAside(tx, intent, owner.id, now + asideMs(crashes), crashes);
  // One that cannot be read is not due any more.
  for (let next = await nextSuspect(tx, operations, by); next; next = await nextSuspect(tx, operations, by)) {
    const live = { sql: 'operation = ? and crashes = ?', values: [next.operation, next.crashes] };
    const { rows, intents } = await claimed(tx, claiming, { live, by, set }, { ...some, rows: 1 });
    if (rows === 0) break;
    const [one] = intents;
    if (!one) continue;
    const crashes = one.crashes + 1;
    await take(tx, one.intent, owner.id, againOf(next.operation), crashes);
    return { one: { ...one, crashes }, leftAside };
  }
  return { one: undefined, leftAside };
}

/** The suspects of one service. */
export function externalSuspects(deps: SuspectsDeps): ExternalSuspects {
  const { store, runtime, owner, alone, commands, inFlight } = deps;
  const { clock, observe } = runtime;
  const operations = [...commands.keys()];
  let count = 0;

  const againOf = (operation: string): number => clock.now() + 2 * timeoutMs((commands.get(operation) as ExternalCommand).handler);
  function claiming(): Claiming {
    const common = deps.claiming();
    return { ...common, longestMs: Math.max(common.longestMs, longestAsideMs) };
  }

  async function next(): Promise<Claimed | undefined> {
    if (!(await anySuspectDue(store.sqlRead, operations, claiming()))) return undefined;
    const { one, leftAside } = await store.transaction((tx) => claimSuspect(store.sql(tx), operations, againOf, claiming()));
    for (const { intent, crashes } of leftAside) {
      const { operation, key, trace } = intent;
      const attributes = { operation, key, crashes, waitMs: asideMs(crashes) };
      observe.log('error', 'an external command has killed its processes; leaving it aside', attributes, trace);
    }
    return one;
  }

  /** Runs `do` of a suspect. Its death was written before; it is taken back when the process survives. */
  async function drive({ intent, crashes }: Claimed, term: number | undefined, within: Scope): Promise<void> {
    const again = againOf(intent.operation);
    try {
      await deps.drive(intent, commands.get(intent.operation) as ExternalCommand, term, within);
    } finally {
      // A run that was cut short, or never began since a heartbeat was missed, need not wait.
      const at = within.aborted || owner.term() !== term ? clock.now() : again;
      await store.transaction((tx) => takeDeathBack(store.sql(tx), intent, owner.id, at, crashes));
    }
  }

  return {
    get count() {
      return count;
    },
    async claim(found) {
      count = found;
      const leave = count === 0 ? undefined : alone.tryTake();
      if (!leave) return;
      let running: Promise<unknown> = Promise.resolve();
      try {
        const term = owner.term();
        const one = await next();
        const mark = one && markOf(one.intent);
        // Its failure is logged and counted where it happens, and the intent is kept.
        if (one && mark !== undefined && !inFlight.has(mark))
          running = inFlight.run(mark, (within) => drive(one, term, within)).catch(() => {});
      } finally {
        running.finally(leave);
      }
    },
  };
}
