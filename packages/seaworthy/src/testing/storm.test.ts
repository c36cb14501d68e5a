import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thorough } from '../../../../scripts/thorough.ts';
import { bankOn, clearing } from './bank-fleet.fixture.ts';
import { bankStorm } from './bank-storm.fixture.ts';
import { StormFailed } from './errors.ts';
import { type FaultName, usualRates } from './faults.ts';
import { type StormReport, storm } from './storm.ts';

const fair = Object.fromEntries(Object.keys(usualRates).map((name) => [name, 0])) as Record<FaultName, number>;

interface Played {
  readonly report: StormReport;
  readonly lines: readonly string[];
}
async function play(seed: number): Promise<Played> {
  const lines: string[] = [];
  const report = await bankStorm(seed, { instances: 1 + (seed % 2), trace: (line) => lines.push(line) });
  return { report, lines };
}
const storms = new Map<number, Promise<Played>>();
/** Returns the storm of a seed, which is played once for all tests. */
function played(seed: number): Promise<Played> {
  const known = storms.get(seed) ?? play(seed);
  storms.set(seed, known);
  return known;
}

test('every effect happens once in storms in which every fault strikes', async () => {
  const reports: StormReport[] = [];
  const where = (): ReadonlySet<string> =>
    new Set(reports.flatMap(({ deaths }) => deaths.map((death) => death.replace(/^\S+ at /, '').replace(/ .*/, ''))));
  // It depends on the seeds where processes die.
  for (let seed = 1; seed <= (thorough ? 15 : 5) || (where().size < 10 && seed <= 15); seed++) reports.push((await played(seed)).report);
  const never = Object.keys(usualRates).filter((name) => reports.every(({ faults }) => faults[name as FaultName] === 0));
  assert.deepEqual(never, ['bus/delivery/overtaken'], 'only what no bus does never struck');
  assert.ok(where().size >= 10, `processes died at ${[...where()].join(', ')} only`);
});

test('the same seed repeats the same steps, another seed does not', async () => {
  const { report, lines } = await played(5);
  const again = await play(5);
  assert.deepEqual(
    again.lines.findIndex((line, index) => line !== lines[index]),
    -1,
  );
  assert.deepEqual(again.report, report);
  assert.ok(lines.length > 1000);
  assert.notEqual((await played(4)).report.trace, report.trace);
});

test('two storms at one time do not disturb each other', async () => {
  const both = await Promise.all([play(3), play(4)]);
  const alone = [await played(3), await played(4)];
  assert.deepEqual(
    both.map(({ report }) => report.trace),
    alone.map(({ report }) => report.trace),
  );
});

test('a storm without faults and deaths succeeds', async () => {
  const { faults, deaths } = await bankStorm(1, { faults: fair, deaths: 0 });
  assert.deepEqual([faults, deaths], [fair, []]);
});

test('a storm fails when events of one key overtake each other', async () => {
  const bad = bankStorm(1, { faults: { ...fair, 'bus/delivery/overtaken': 0.9 }, deaths: 0 });
  await assert.rejects(bad, (error) => error instanceof StormFailed && /lines of/.test(error.message));
});

test('a failed check, a storm that still has work and a load that takes too long are reported with the seed', async () => {
  const calm = { fleet: bankOn(clearing(), false), faults: fair, deaths: 0, load: async () => {} };
  await assert.rejects(
    storm({ ...calm, seed: 5, check: async () => assert.fail('the books differ') }),
    (error) => error instanceof StormFailed && error.seed === 5 && /seed 5 failed: the books differ; .*`seed: 5`/.test(error.message),
  );
  await assert.rejects(
    storm({ ...calm, seed: 6, within: '1m', settled: async () => false, check: async () => {} }),
    /still had work after 1m: `settled` returns false/,
  );
  await assert.rejects(
    storm({ ...calm, seed: 6, within: '1m', load: () => new Promise(() => {}), check: async () => {} }),
    /the load took longer than 1m/,
  );
});
