import type { Aside } from '../../store/damaged.ts';
import type { Most } from '../../store/read-some.ts';
import { patienceMs } from '../handler.ts';
import type { Keyed } from '../idempotency.ts';
import { countSuspects, dueSuspects, hold, type Intent, markOf, take, takeDeathBack } from './intent-table.ts';
import type { ExternalParts, Known } from './prepare.ts';

/** The open intents that may be what kills their processes, as one process drives them. */
export interface ExternalSuspects {
  /** How many there were when they were last looked for, in the whole database. */
  readonly count: number;
  /** Begins with one that is due, unless another suspect of the process is being handled. */
  claim(): Promise<void>;
}

export interface ExternalSuspectsParts extends ExternalParts {
  /** The longest wait of any other intent. */
  readonly longestMs: number;
  readonly damaged: Aside;
  /** What this process drives, by its mark. */
  readonly busy: ReadonlyMap<string, unknown>;
  /** Aborts when runs are cut. */
  readonly cut: AbortSignal;
  exclusively<T>(call: Keyed, work: () => Promise<T>): Promise<T>;
  drive(intent: Intent, known: Known): Promise<unknown>;
}

interface Taken {
  readonly intent: Intent;
  readonly known: Known;
  /** Until then it is driven. */
  readonly due: number;
  /** With the death of this process, which is taken back if it lives. */
  readonly crashes: number;
}

const atOnce: Most = { rows: 64, bytes: 8 * 2 ** 20 };
/** After so many deaths an intent is set aside for a while. It may have reached the third party, and so is never given up. */
const mostDeaths = 5;
const longestAsideMs = 3_600_000;
const asideMs = (deaths: number): number => Math.min(longestAsideMs, 300_000 * 2 ** Math.min(deaths - mostDeaths, 10));

export function externalSuspects({
  store,
  runtime,
  owner,
  alone,
  known,
  longestMs,
  damaged,
  busy,
  cut,
  exclusively,
  drive,
}: ExternalSuspectsParts): ExternalSuspects {
  const { clock, observe } = runtime;
  const operations = [...known.keys()];
  let count = 0;

  /** Takes over one that is due, and sets aside those that killed too many processes. */
  async function taken(): Promise<Taken | undefined> {
    const now = clock.now();
    const looking = {
      now,
      longestMs: Math.max(longestMs, longestAsideMs),
      dead: owner.dead(),
      owner: owner.id,
      most: atOnce,
      aside: damaged,
      dialect: store.dialect,
    };
    if ((await dueSuspects(store.sqlRead, operations, { ...looking, most: { ...atOnce, rows: 1 } })).length === 0) return undefined;
    let setAside: { readonly intent: Intent; readonly crashes: number }[] = [];
    const mine = await store.transaction(async (tx): Promise<Taken | undefined> => {
      const own = store.sql(tx);
      setAside = [];
      for (const { intent, crashes, inHand } of await dueSuspects(own, operations, looking)) {
        if (busy.has(markOf(intent))) continue;
        if (inHand && crashes >= mostDeaths) {
          await hold(own, intent, owner.id, now + asideMs(crashes), crashes);
          setAside.push({ intent, crashes });
          continue;
        }
        const of = known.get(intent.operation) as Known;
        const due = now + 2 * patienceMs(of.handler);
        await take(own, intent, owner.id, due, crashes + 1);
        return { intent, known: of, due, crashes: crashes + 1 };
      }
      return undefined;
    });
    for (const { intent, crashes } of setAside)
      observe.log('error', `${markOf(intent)} killed its processes, and is set aside`, { crashes, waitMs: asideMs(crashes) }, intent.trace);
    return mine;
  }

  const driven = ({ intent, known: of, due, crashes }: Taken): Promise<unknown> =>
    exclusively(intent, async () => {
      try {
        return await drive(intent, of);
      } finally {
        const again = cut.aborted ? clock.now() : due;
        await store.transaction((tx) => takeDeathBack(store.sql(tx), intent, owner.id, again, crashes));
      }
    });

  return {
    get count() {
      return count;
    },
    async claim() {
      count = await countSuspects(store.sqlRead);
      const giveBack = count === 0 ? undefined : alone.tryTake();
      if (!giveBack) return;
      let running: Promise<unknown> = Promise.resolve();
      try {
        const one = await taken();
        // A call under the same key may have come first. Failures are logged and counted where they happen; the intent is kept.
        if (one && !busy.has(markOf(one.intent))) running = driven(one).catch(() => {});
      } finally {
        running.finally(giveBack);
      }
    },
  };
}
