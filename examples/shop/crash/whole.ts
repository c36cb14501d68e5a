import { freePort } from '../../../scripts/port.ts';
import { spawnShop } from '../spawn.ts';
import { type RoundResult, round, type Strike, strikeAfter } from './round.ts';

/** The kill of the shop. */
export type Kill =
  /** The shop is killed after `ms` milliseconds of load. */
  | { readonly kind: 'time'; readonly ms: number }
  /** The shop kills itself when it reaches a crash point for the `nth` time. */
  | { readonly kind: 'point'; readonly point: string; readonly nth: number };

export interface WholeRoundOptions {
  readonly dir: string;
  readonly run: string;
  readonly orders: number;
  readonly kill: Kill;
  /** The address of its database. Default files in `dir`. */
  readonly store?: string | undefined;
}

/** Runs a round with the whole shop in one process, which is killed once and restarted. */
export async function roundOfWhole({ dir, run, orders, kill, store = '' }: WholeRoundOptions): Promise<RoundResult> {
  const env = { PORT: String(await freePort()), SEAWORTHY_STORE: store };
  let shop = await spawnShop({ dir, env: { ...env, SEAWORTHY_CRASH_AT: kill.kind === 'point' ? `${kill.point}:${kill.nth}` : '' } });
  const first = shop;
  let killedMs: number | undefined;
  const restarted = first.ended.then(async (how) => {
    if (how !== 'SIGKILL') return;
    killedMs = performance.now();
    shop = await spawnShop({ dir, env });
  });
  const itself = (): Strike => ({
    struckMs: () => killedMs,
    dealtMs: () => killedMs,
    over: async () => void (killedMs !== undefined && (await restarted)),
  });
  const killing = (ms: number): Strike => ({
    ...strikeAfter(ms, { deal: async () => void (await first.kill()), mend: () => restarted }),
  });
  try {
    return await round({ url: first.url, run, orders, strike: () => (kill.kind === 'time' ? killing(kill.ms) : itself()) });
  } finally {
    await shop.stop();
  }
}
