import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chosen, whole } from '../options.ts';
import { aimed } from './aim.ts';
import { type FuzzResult, fuzz } from './run.ts';

const values = chosen({
  seed: { type: 'string', default: '1' },
  requests: { type: 'string', default: '20000' },
  only: { type: 'string' },
  json: { type: 'boolean', default: false },
});

function print({ seed, sent, answers, memory, orders, taken, seconds, findings }: FuzzResult): string {
  const counts = Object.entries(answers).map(([status, count]) => `${status}: ${count}`);
  return [
    `  ${sent} hostile connections (seed ${seed}) in ${seconds.toFixed(1)} s, answered ${counts.join(', ')}`,
    `  ${orders} good orders beside them, and ${taken} that hostile clients placed`,
    `  memory ${memory.start} MiB at the start, ${memory.peak} at most, ${memory.end} at the end`,
    ...findings.slice(0, 50).map((finding) => `  ${finding}`),
    findings.length === 0
      ? '  the shop lives, every answer is one of the contract or a problem document, nothing is lost'
      : `  ${findings.length} findings; one of them again: npm run fuzz -- --seed ${seed} --only NUMBER`,
    '',
  ].join('\n');
}

const seed = whole('seed', values.seed);
const only = values.only === undefined ? undefined : whole('only', values.only);
const dir = mkdtempSync(join(tmpdir(), 'seaworthy-fuzz-'));
try {
  if (only !== undefined) {
    const { shot, target } = aimed(seed, only);
    process.stdout.write(
      `  to ${target.name}, ${shot.name}: ${JSON.stringify(Buffer.concat(shot.chunks).toString('latin1').slice(0, 2000))}\n`,
    );
  }
  const result = await fuzz({ dir, seed, requests: whole('requests', values.requests), only });
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : print(result));
  process.exitCode = result.findings.length === 0 ? 0 : 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
