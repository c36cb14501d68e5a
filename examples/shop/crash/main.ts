import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crashPoints } from 'seaworthy/core';
import { seededRandom } from 'seaworthy/testing';
import { chosen, whole } from '../options.ts';
import type { RoundResult } from './round.ts';
import { startSeveral } from './several.ts';
import { roundOfWhole } from './whole.ts';

/** The crash points that the shop never reaches: none of its reactions fails, so no event is parked or becomes a dead letter. The tests of the outbox kill there. */
const beyond = /^inbox\/(park|claim|retry|dead-letter|redrive)/;

const settleWithinMs = 30_000;

interface Round {
  readonly name: string;
  /** Whether the kill must happen: a crash point that is never reached is a mistake of the test, a random moment may come too late. */
  readonly mustKill: boolean;
  readonly play: () => Promise<RoundResult>;
}

const values = chosen({
  rounds: { type: 'string', default: '10' },
  points: { type: 'string', default: 'all' },
  several: { type: 'string', default: '0' },
  seed: { type: 'string', default: '1' },
  orders: { type: 'string', default: '120' },
});
const [rounds, several] = [whole('rounds', values.rounds), whole('several', values.several)];
const random = seededRandom(whole('seed', values.seed));
const orders = whole('orders', values.orders);
const numbered = (length: number): readonly number[] => Array.from({ length }, (_, index) => index + 1);
const moment = (): number => Math.round(50 + random.next() * 900);
/** The start of the shop alone commits about twenty times. */
const nthOf = (point: string): number => (point.startsWith('store/') ? 40 : 1) + Math.floor(random.next() * 8);
const points = values.points === 'all' ? crashPoints.filter((point) => !beyond.test(point)) : values.points.split(',').filter(Boolean);

const dir = mkdtempSync(join(tmpdir(), 'seaworthy-crash-'));
const wrong: string[] = [];

async function judge({ name, mustKill, play }: Round): Promise<void> {
  const { killed, orders: played, recoveredMs, reconciliation } = await play();
  const found = [
    ...(mustKill && !killed ? [`${name}: never reached`] : []),
    ...(recoveredMs > settleWithinMs ? [`${name}: settled only ${Math.round(recoveredMs)} ms after the crash`] : []),
    ...reconciliation.differences.map((difference) => `${name}: ${difference}`),
  ];
  wrong.push(...found);
  const fate = killed ? `killed, all settled ${(recoveredMs / 1000).toFixed(1)} s later` : 'not killed in time';
  process.stdout.write(`  ${found.length === 0 ? 'ok ' : 'BAD'}  ${name.padEnd(28)} ${played} orders, ${fate}\n`);
}

try {
  for (const index of numbered(rounds)) {
    const ms = moment();
    const play = (): Promise<RoundResult> => roundOfWhole({ dir, run: `${values.seed}-${index}`, orders, kill: { kind: 'time', ms } });
    await judge({ name: `random ${index}, after ${ms} ms`, mustKill: false, play });
  }
  for (const point of points) {
    const kill = { kind: 'point', point, nth: nthOf(point) } as const;
    await judge({ name: point, mustKill: true, play: () => roundOfWhole({ dir, run: `${values.seed}-${point}`, orders, kill }) });
  }
  if (several > 0) {
    const shop = await startSeveral(join(dir, 'several'));
    try {
      for (const index of numbered(several)) {
        const [ms, which] = [moment(), random.next()];
        const play = (): Promise<RoundResult> => shop.round({ run: `${values.seed}-${index}`, orders, ms, which });
        await judge({ name: `one of two, ${index}, after ${ms} ms`, mustKill: false, play });
      }
    } finally {
      await shop.close();
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
for (const line of wrong.slice(0, 50)) process.stdout.write(`  ${line}\n`);
process.stdout.write(wrong.length === 0 ? '  nothing lost, nothing twice\n' : `  ${wrong.length} differences\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
