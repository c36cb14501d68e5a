import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StormReport } from 'seaworthy/testing';
import { shopStorm } from './play.ts';

test('in storms over the shop nothing is lost, nothing happens twice, and the books agree', async () => {
  const reports: StormReport[] = [];
  for (let seed = 1; seed <= 8; seed++) reports.push(await shopStorm(seed, { instances: seed % 4 === 0 ? 2 : 1 }));
  const sum = (of: (report: StormReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  assert.ok(sum(({ deaths }) => deaths.length) > 25, 'processes died');
  for (const name of ['bus/publish/torn', 'bus/member/lost', 'transport/answer/lost', 'store/commit/unknown', 'process/stalled'] as const)
    assert.ok(sum(({ faults }) => faults[name]) > 0, `${name} struck`);
});

test('the same seed repeats the same storm over the shop', async () => {
  assert.deepEqual(await shopStorm(11), await shopStorm(11));
});
