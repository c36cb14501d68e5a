import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import cliProgress from 'cli-progress';
import { type SpawnedShop, spawnShop } from '../spawn.ts';
import { type Day, FileInvalid, readOrders, unitsOf } from './orders.ts';
import { type Placing, play } from './play.ts';
import { reconcile } from './reconcile.ts';
import { type ShopClient, type Stock, shopClient } from './shop-client.ts';
import { print, summarise } from './summary.ts';

const usage = `usage: npm run replay -- FILE.csv [--repeat N] [--concurrency N] [--mix TOKEN=N,...] [--json]
  --repeat N       plays the file N times (1)
  --concurrency N  orders in progress at one time (64)
  --mix tok_slow=25,tok_flaky=25  replaces the token of so many orders, evenly spread
  --json           prints the summary as JSON
It talks to the shop on PORT when that is set or one answers on 8080, or else starts one for the time.`;

/** An argument of the command line is invalid. */
class UsageInvalid extends Error {}

interface Asked {
  readonly file: string;
  readonly repeat: number;
  readonly concurrency: number;
  readonly mix: ReadonlyMap<string, number>;
  readonly json: boolean;
}

function whole(text: string, name: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageInvalid(`${name} must be a whole number from 1 to 999999, got ${JSON.stringify(text)}`);
}

function asked(args: string[]): Asked {
  let parsed: ReturnType<typeof parse>;
  function parse() {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        repeat: { type: 'string', default: '1' },
        concurrency: { type: 'string', default: '64' },
        mix: { type: 'string', default: '' },
        json: { type: 'boolean', default: false },
      },
    });
  }
  try {
    parsed = parse();
  } catch (cause) {
    throw new UsageInvalid((cause as Error).message, { cause });
  }
  const { positionals, values } = parsed;
  if (positionals.length !== 1) throw new UsageInvalid(`name one FILE.csv, got ${positionals.length}`);
  const mix = values.mix
    .split(',')
    .filter(Boolean)
    .map((part): [string, number] => {
      const [token = '', count = ''] = part.split('=');
      if (!/^tok_\w+$/.test(token)) throw new UsageInvalid(`--mix has ${JSON.stringify(part)}: write TOKEN=N, such as tok_slow=25`);
      return [token, whole(count, `--mix ${token}`)];
    });
  return {
    file: positionals[0] as string,
    repeat: whole(values.repeat, '--repeat'),
    concurrency: whole(values.concurrency, '--concurrency'),
    mix: new Map(mix),
    json: values.json,
  };
}

function placingsOf(day: Day, { file, repeat, mix }: Asked): readonly Placing[] {
  const run = randomUUID();
  const count = day.orders.length * repeat;
  const tokens: string[] = Array(count).fill('tok_ok');
  const special = [...mix].flatMap(([token, times]) => Array<string>(times).fill(token));
  special.forEach((token, index) => {
    if (index < count) tokens[Math.floor((index * count) / special.length)] = token;
  });
  return Array.from({ length: repeat }, (_, round) => day.orders.map((order) => ({ order, round })))
    .flat()
    .map(({ order, round }, index) => ({
      key: `${run}/${encodeURIComponent(basename(file)).slice(0, 80)}/${round + 1}/${encodeURIComponent(order.invoice).slice(0, 80)}`,
      customerId: order.customerId,
      items: order.items,
      paymentToken: tokens[index] as string,
    }));
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(1000) }).then(
    (response) => response.ok,
    () => false,
  );
}

/** Sets the stock that the orders need. Returns the stock of each product afterwards. */
async function stockUp(shop: ShopClient, needed: ReadonlyMap<string, number>): Promise<Map<string, Stock>> {
  const stock = new Map<string, Stock>();
  const queue = [...needed];
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let one = queue.pop(); one; one = queue.pop()) {
        await shop.setStock(...one);
        stock.set(one[0], (await shop.stock(one[0])) as Stock);
      }
    }),
  );
  return stock;
}

async function replay(request: Asked, day: Day, url: string): Promise<boolean> {
  const shop = shopClient(url, request.concurrency + 32);
  const placings = placingsOf(day, request);
  const before = await stockUp(shop, unitsOf(placings));
  const shown = process.stderr.isTTY && !request.json;
  const bar = new cliProgress.SingleBar(
    { format: '  {bar} {value}/{total} orders settled, {eta_formatted} to go', stream: process.stderr },
    cliProgress.Presets.shades_classic,
  );
  if (shown) bar.start(placings.length, 0);
  else if (!request.json) process.stderr.write(`  ${placings.length} orders, ${request.concurrency} at one time\n`);
  const began = performance.now();
  const played = await play(shop, placings, request.concurrency, () => void (shown && bar.increment()));
  const seconds = (performance.now() - began) / 1000;
  if (shown) bar.stop();
  const summary = summarise(played, day.refused, seconds, await reconcile(shop, played, before));
  await shop.close();
  process.stdout.write(request.json ? `${JSON.stringify(summary)}\n` : print(summary));
  return summary.reconciliation.differences.length === 0;
}

async function main(): Promise<number> {
  const request = asked(process.argv.slice(2));
  const day = readOrders(readFileSync(request.file, 'utf8'));
  const given = process.env['PORT'];
  const known = `http://127.0.0.1:${given ?? '8080'}`;
  if (given !== undefined || (await answers(known))) {
    if (!(await answers(known)))
      throw new UsageInvalid(`PORT is ${given}, and no shop answers at ${known}/health/ready: start it, or leave PORT unset`);
    return (await replay(request, day, known)) ? 0 : 1;
  }
  const dir = mkdtempSync(join(tmpdir(), 'seaworthy-replay-'));
  let shop: SpawnedShop | undefined;
  try {
    shop = await spawnShop({ dir, env: { LOG_LEVEL: 'info' } });
    return (await replay(request, day, shop.url)) ? 0 : 1;
  } finally {
    await shop?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const expected = error instanceof UsageInvalid || error instanceof FileInvalid || (error as NodeJS.ErrnoException).code === 'ENOENT';
    process.stderr.write(
      `${expected ? (error as Error).message : (error as Error).stack}\n${error instanceof UsageInvalid ? `${usage}\n` : ''}`,
    );
    process.exitCode = 2;
  },
);
