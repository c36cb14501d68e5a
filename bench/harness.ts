import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** One measurement: the toolkit, its peers, and the bare limit. Lower is better unless `higher` is set. */
export interface Metric {
  readonly metric: string;
  readonly unit: string;
  readonly higher?: boolean;
  readonly ours: () => number | Promise<number>;
  readonly peers: Readonly<Record<string, () => number | Promise<number>>>;
  readonly limit?: { readonly name: string; readonly run: () => number | Promise<number> };
}

interface Measurement {
  readonly name: string;
  readonly value: number;
}
interface Row {
  readonly metric: string;
  readonly unit: string;
  readonly ours: number;
  readonly bestPeer: Measurement | null;
  readonly limit: Measurement | null;
  readonly ratioToBestPeer: number | null;
  readonly ratioToLimit: number | null;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const short = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

async function measure(
  { metric, unit, higher = false, ours, peers, limit }: Metric,
  rounds: number,
): Promise<{ readonly row: Row; readonly all: readonly Measurement[] }> {
  const runs = new Map<string, () => number | Promise<number>>([['seaworthy', ours], ...Object.entries(peers)]);
  if (limit) runs.set(limit.name, limit.run);
  const values = new Map<string, number[]>([...runs.keys()].map((name) => [name, []]));
  // The runs are interleaved, so that other load on the machine affects all of them.
  for (let round = 0; round < rounds; round++) for (const [name, run] of runs) values.get(name)?.push(await run());
  const all = [...values].map(([name, list]) => ({ name, value: median(list) }));
  const of = (name: string): number => all.find((one) => one.name === name)?.value as number;
  const rivals = all.filter(({ name }) => name in peers).sort((a, b) => (higher ? b.value - a.value : a.value - b.value));
  // Within each round first: a machine that slows down between two rounds then does so to both sides of a ratio.
  const ratio = (other: string): number => {
    const each = (values.get('seaworthy') as number[]).map((own, round) => {
      const theirs = values.get(other)?.[round] as number;
      return higher ? own / theirs : theirs / own;
    });
    return Number(median(each).toFixed(3));
  };
  const best = rivals[0] ?? null;
  const bare = limit ? { name: limit.name, value: of(limit.name) } : null;
  const row = {
    metric,
    unit,
    ours: of('seaworthy'),
    bestPeer: best,
    limit: bare,
    ratioToBestPeer: best && ratio(best.name),
    ratioToLimit: bare && ratio(bare.name),
  };
  return { row, all };
}

/** Measures and prints a table and one line of JSON; with `--save` it writes both to `results/`. A ratio above 1 favours the toolkit. `notes` is called at the end. */
export async function bench(
  name: string,
  metrics: readonly Metric[],
  { rounds = 7, notes = () => [] as readonly string[] } = {},
): Promise<void> {
  const rows: Row[] = [];
  const lines = [
    '| metric | unit | ours | best peer | limit | ratio to best peer | ratio to limit | all |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const metric of metrics) {
    const { row, all } = await measure(metric, rounds);
    rows.push(row);
    const shown = (one: Measurement | null): string => (one ? `${one.name} ${short(one.value)}` : '');
    lines.push(
      `| ${row.metric} | ${row.unit} | ${short(row.ours)} | ${shown(row.bestPeer)} | ${shown(row.limit)} | ${row.ratioToBestPeer ?? ''} | ${row.ratioToLimit ?? ''} | ${all.map(shown).join(', ')} |`,
    );
  }
  const [cpu] = cpus();
  const machine = `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}, Node ${process.versions.node}; medians of ${rounds} interleaved rounds, of ratios too`;
  const text = [`# ${name}`, '', machine, '', ...lines, ...(notes().length > 0 ? ['', ...notes()] : [])].join('\n');
  process.stdout.write(`${text}\n\n${JSON.stringify(rows)}\n`);
  if (!process.argv.includes('--save')) return;
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.md`), `${text}\n`);
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(rows, null, 2)}\n`);
}
