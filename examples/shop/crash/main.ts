import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crashPoints } from 'seaworthy/core';
import { seededRandom } from 'seaworthy/testing';
import { type Kill, type RoundResult, round } from './round.ts';

/** What the shop's orders never pass: no reaction of the shop fails, so none is parked or buried. The outbox's own tests kill there. */
const beyond = /^inbox\/(park|claim|retry|bury|redrive)/;

const settleWithinMs = 30_000;

function fail(name: string, { killed, recoveredMs, reconciliation }: RoundResult, mustBeKilled: boolean): readonly string[] {
  return [
    ...(mustBeKilled && !killed ? [`${name}: never reached`] : []),
    ...(recoveredMs > settleWithinMs ? [`${name}: settled only ${Math.round(recoveredMs)} ms after the crash`] : []),
    ...reconciliation.differences.map((difference) => `${name}: ${difference}`),
  ];
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    points: { type: 'string', default: 'all' },
    seed: { type: 'string', default: '1' },
    orders: { type: 'string', default: '120' },
  },
});
const random = seededRandom(Number(values.seed));
/** Opening the shop commits some twenty times by itself. */
const nthOf = (point: string): number => (point.startsWith('store/') ? 40 : 1) + Math.floor(random.next() * 8);
const dir = mkdtempSync(join(tmpdir(), 'seaworthy-crash-'));
const points = values.points === 'all' ? crashPoints.filter((point) => !beyond.test(point)) : values.points.split(',').filter(Boolean);
const kills: (readonly [string, Kill])[] = [
  ...Array.from({ length: Number(values.rounds) }, (_, index): [string, Kill] => {
    const ms = Math.round(50 + random.next() * 900);
    return [`random ${index + 1}, after ${ms} ms`, { kind: 'time', ms }];
  }),
  ...points.map((point): [string, Kill] => [point, { kind: 'point', point, nth: nthOf(point) }]),
];

const wrong: string[] = [];
try {
  for (const [index, [name, kill]] of kills.entries()) {
    const result = await round({ dir, run: `${values.seed}-${index}`, kill, orders: Number(values.orders) });
    const found = fail(name, result, kill.kind === 'point');
    wrong.push(...found);
    const fate = result.killed ? `killed, all settled ${(result.recoveredMs / 1000).toFixed(1)} s later` : 'not killed in time';
    process.stdout.write(`  ${found.length === 0 ? 'ok ' : 'BAD'}  ${name.padEnd(28)} ${result.orders} orders, ${fate}\n`);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
for (const line of wrong.slice(0, 50)) process.stdout.write(`  ${line}\n`);
process.stdout.write(wrong.length === 0 ? '  nothing lost, nothing twice\n' : `  ${wrong.length} differences\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
