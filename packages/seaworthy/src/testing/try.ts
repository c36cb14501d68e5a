import { bankStorm } from './bank.test.ts';

const [from, count, instances] = process.argv.slice(2).map(Number);
const t0 = performance.now();
let bad = 0;
let virt = 0;
const total: Record<string, number> = {};
for (let seed = from as number; seed < from + count; seed++) {
  try {
    const lines: string[] = [];
    const report = await bankStorm(seed, { instances, ...(process.env['T'] ? { trace: (l: string) => console.log(l) } : {}) });
    virt += report.elapsedMs;
    for (const [k, v] of Object.entries(report.faults)) total[k] = (total[k] ?? 0) + v;
    total['deaths'] = (total['deaths'] ?? 0) + report.deaths.length;
  } catch (error) {
    bad++;
    console.log(String((error as Error).message).slice(0, 600));
    if (!(error as { cause?: { code?: string } }).cause?.code) console.log((error as Error).cause);
  }
}
console.log({ bad, ms: (performance.now() - t0) / count, virt: virt / count }, total);
