import { freePort } from '../../../scripts/port.ts';
import { spawnShop } from '../spawn.ts';
import { type RoundResult, round } from './round.ts';

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
}

/** Runs a round with the whole shop in one process, which is killed once and restarted. */
export async function roundOfWhole({ dir, run, orders, kill }: WholeRoundOptions): Promise<RoundResult> {
  const env = { PORT: String(await freePort()) };
  let shop = await spawnShop({ dir, env: { ...env, SEAWORTHY_CRASH_AT: kill.kind === 'point' ? `${kill.point}:${kill.nth}` : '' } });
  const first = shop;
  let killedAt: number | undefined;
  const restarted = first.ended.then(async (how) => {
    if (how !== 'SIGKILL') return;
    killedAt = performance.now();
    shop = await spawnShop({ dir, env });
  });
  try {
    return await round({
      url: first.url,
      run,
      orders,
      strike() {
        const timer = kill.kind === 'time' ? setTimeout(() => void first.kill(), kill.ms) : undefined;
        return {
          killedAt: () => killedAt,
          async over() {
            clearTimeout(timer);
            if (killedAt !== undefined) await restarted;
          },
        };
      },
    });
  } finally {
    await shop.stop();
  }
}
