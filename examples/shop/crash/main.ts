import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crashPoints } from 'seaworthy/core';
import { seededRandom } from 'seaworthy/testing';
import { chosen, oneOf, whole } from '../options.ts';
import { blowNames, files, postgresGround } from './ground.ts';
import type { Blow, RoundResult } from './round.ts';
import { type ServiceProcess, startSeveral } from './several.ts';
import { roundOfWhole } from './whole.ts';

/** The crash points that the shop never reaches: none of its reactions fails, so no event is parked or becomes a dead letter. The tests of the outbox kill there. */
const beyond = /^inbox\/(park|claim|retry|dead-letter|redrive)/;

/** Only SQLite flushes a log of its own. */
const ofFiles = /^store\/flush/;

/** The longest time from the end of a blow until the orders that it met are settled. */
const settleWithinMs = 15_000;

interface Round {
  readonly name: string;
  /** Whether the kill must happen: a crash point that is never reached is a mistake of the test, a random moment may come too late. */
  readonly mustStrike: boolean;
  readonly play: () => Promise<RoundResult>;
}

const values = chosen({
  rounds: { type: 'string', default: '10' },
  points: { type: 'string', default: 'all' },
  several: { type: 'string', default: '0' },
  seed: { type: 'string', default: '1' },
  orders: { type: 'string', default: '120' },
  store: { type: 'string', default: 'files' },
  blows: { type: 'string', default: '' },
  down: { type: 'string', default: '2000' },
});
const [rounds, several] = [whole('rounds', values.rounds), whole('several', values.several)];
const random = seededRandom(whole('seed', values.seed));
const orders = whole('orders', values.orders);
const numbered = (length: number): readonly number[] => Array.from({ length }, (_, index) => index + 1);
const moment = (): number => Math.round(50 + random.next() * 900);
/** The start of the shop alone commits about twenty times. */
const nthOf = (point: string): number => (point.startsWith('store/') ? 40 : 1) + Math.floor(random.next() * 8);
const store = oneOf('store', values.store, ['files', 'postgres']);
const names: readonly string[] = blowNames[store];
const blows = values.blows === '' ? names : values.blows.split(',').map((name) => oneOf('blows', name, names));
const reached = crashPoints.filter((point) => !beyond.test(point) && (store === 'files' || !ofFiles.test(point)));
const points = values.points === 'all' ? reached : values.points.split(',').filter(Boolean);

const dir = mkdtempSync(join(tmpdir(), 'seaworthy-crash-'));
const wrong: string[] = [];

async function judge({ name, mustStrike, play }: Round): Promise<void> {
  const { struck, orders: played, recoveredMs, cancelled, reconciliation } = await play();
  const found = [
    ...(mustStrike && !struck ? [`${name}: never reached`] : []),
    ...(recoveredMs > settleWithinMs ? [`${name}: settled only ${Math.round(recoveredMs)} ms later`] : []),
    ...(cancelled['payment_unavailable']
      ? [`${name}: ${cancelled['payment_unavailable']} orders were cancelled, though no card failed`]
      : []),
    ...reconciliation.differences.map((difference) => `${name}: ${difference}`),
  ];
  wrong.push(...found);
  const fate = struck ? `all settled ${(recoveredMs / 1000).toFixed(1)} s later` : 'not struck in time';
  process.stdout.write(`  ${found.length === 0 ? 'ok ' : 'BAD'}  ${name.padEnd(44)} ${played} orders, ${fate}\n`);
}

const ground = store === 'files' ? files : await postgresGround(() => random.next(), whole('down', values.down));
try {
  for (const index of numbered(rounds)) {
    const ms = moment();
    const play = (): Promise<RoundResult> =>
      roundOfWhole({ dir, store: ground.store, run: `${values.seed}-${index}`, orders, kill: { kind: 'time', ms } });
    await judge({ name: `killed at random ${index}, after ${ms} ms`, mustStrike: false, play });
  }
  for (const point of points) {
    const kill = { kind: 'point', point, nth: nthOf(point) } as const;
    const run = `${values.seed}-${point}`;
    await judge({
      name: `killed at ${point}`,
      mustStrike: true,
      play: () => roundOfWhole({ dir, store: ground.store, run, orders, kill }),
    });
  }
  if (several > 0) {
    const shop = await startSeveral(join(dir, 'several'), ground.store);
    try {
      for (const index of numbered(several)) {
        const [ms, which] = [moment(), random.next()];
        const one = shop.processes[Math.floor(which * shop.processes.length)] as ServiceProcess;
        const blow = ground.blows[blows[(index - 1) % blows.length] as string]?.(one) as Blow;
        const play = (): Promise<RoundResult> => shop.round({ run: `${values.seed}-two-${index}`, orders, ms, blow });
        await judge({ name: `two of each ${index}, after ${ms} ms: ${blow.name}`, mustStrike: false, play });
      }
    } finally {
      await shop.close();
    }
  }
  wrong.push(...ground.faults());
} finally {
  await ground.close();
  rmSync(dir, { recursive: true, force: true });
}
for (const line of wrong.slice(0, 50)) process.stdout.write(`  ${line}\n`);
process.stdout.write(wrong.length === 0 ? '  nothing lost, nothing twice\n' : `  ${wrong.length} differences\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
