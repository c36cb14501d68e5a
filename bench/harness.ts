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
  /** Other bounds, which are shown beside. */
  readonly beside?: Readonly<Record<string, () => number | Promise<number>>>;
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
  readonly all: readonly (Measurement & { readonly ratio: number })[];
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const short = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

async function measure({ metric, unit, higher = false, ours, peers, limit, beside = {} }: Metric, rounds: number): Promise<Row> {
  const runs = new Map<string, () => number | Promise<number>>([['seaworthy', ours], ...Object.entries(peers)]);
  if (limit) runs.set(limit.name, limit.run);
  for (const [name, run] of Object.entries(beside)) runs.set(name, run);
  const values = new Map<string, number[]>([...runs.keys()].map((name) => [name, []]));
  // The runs are interleaved, so that other load on the machine affects all of them.
  for (let round = 0; round < rounds; round++)
    for (const [name, run] of runs) {
      const value = await run();
      values.get(name)?.push(value);
      process.stderr.write(`${metric}, ${name}: ${short(value)} ${unit}\n`);
    }
  // Within each round first: a machine that slows down between two rounds then does so to both sides of a ratio.
  const ratio = (other: string): number => {
    const each = (values.get('seaworthy') as number[]).map((own, round) => {
      const theirs = values.get(other)?.[round] as number;
      return higher ? own / theirs : theirs / own;
    });
    return Number(median(each).toFixed(3));
  };
  const all = [...values].map(([name, list]) => ({ name, value: median(list), ratio: ratio(name) }));
  const rivals = all.filter(({ name }) => name in peers).sort((a, b) => (higher ? b.value - a.value : a.value - b.value));
  const best = rivals[0] ?? null;
  const bare = all.find(({ name }) => name === limit?.name) ?? null;
  const measurement = (one: Measurement | null): Measurement | null => one && { name: one.name, value: one.value };
  return {
    metric,
    unit,
    ours: all[0]?.value as number,
    bestPeer: measurement(best),
    limit: measurement(bare),
    ratioToBestPeer: best?.ratio ?? null,
    ratioToLimit: bare?.ratio ?? null,
    all,
  };
}

/** The number that follows `--rounds` on the command line, for a first look. */
function askedRounds(): number | undefined {
  const at = process.argv.indexOf('--rounds');
  return at < 0 ? undefined : Number(process.argv[at + 1]);
}

/**
 * Measures and prints a table and one line of JSON; with `--save` it writes both to `results/`. A ratio above 1 favours the toolkit.
 * `notes` is called at the end.
 */
export async function bench(
  name: string,
  metrics: readonly Metric[],
  { rounds: usual = 7, notes = () => [] as readonly string[] } = {},
): Promise<void> {
  const rounds = askedRounds() ?? usual;
  const rows: Row[] = [];
  const lines = [
    '| metric | unit | ours | best peer | limit | ratio to best peer | ratio to limit | all |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const metric of metrics) {
    const row = await measure(metric, rounds);
    rows.push(row);
    const shown = (one: Measurement | null): string => (one ? `${one.name} ${short(one.value)}` : '');
    const others = row.all.map((one) => (one.ratio === 1 ? shown(one) : `${shown(one)} (${one.ratio})`));
    lines.push(
      `| ${row.metric} | ${row.unit} | ${short(row.ours)} | ${shown(row.bestPeer)} | ${shown(row.limit)} | ${row.ratioToBestPeer ?? ''} | ${row.ratioToLimit ?? ''} | ${others.join(', ')} |`,
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
