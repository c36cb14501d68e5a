import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { mutableInstances } from '../client/drivers/mutable-instances.ts';
import { contract, query } from '../contract/contract.ts';
import { gateway } from '../gateway/gateway.ts';
import { route } from '../gateway/route.ts';
import { service } from '../service/service.ts';
import { fleet } from './fleet.ts';
import { start } from './start.ts';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-addresses-'));
after(() => rmSync(root, { recursive: true, force: true }));

const desk = contract('desk', { ask: query({ http: 'GET /ask', input: z.object({}), output: z.object({ name: z.string() }) }) });
const named = (name: string) => service(desk, { handlers: { ask: () => ({ name }) } });

test('a gateway follows the list of the instances of a service while it runs', async () => {
  const [first, second] = await Promise.all(
    ['first', 'second'].map((name) =>
      start(fleet({ services: [named(name)] }), { dir: join(root, name), listen: { services: true }, logLevel: 'silent' }),
    ),
  );
  const source = mutableInstances();
  const outer = fleet({ services: [named('none')], gateway: gateway({ routes: [route('GET /ask', desk.ask)] }) });
  const dir = join(root, 'outer');
  const running = await start(outer, { dir, only: ['gateway'], addresses: { desk: source }, calls: { timeout: '1s' }, logLevel: 'silent' });
  const ask = async (): Promise<unknown> => {
    const answer = await fetch(`${running.url}/ask`);
    return answer.status === 200 ? ((await answer.json()) as { readonly name: string }).name : answer.status;
  };
  try {
    assert.equal(await ask(), 503);
    source.set([first?.urls['desk'] as string]);
    assert.deepEqual([await ask(), await ask()], ['first', 'first']);
    source.set([first?.urls['desk'] as string, second?.urls['desk'] as string]);
    assert.deepEqual([await ask(), await ask()].sort(), ['first', 'second']);
    source.set([second?.urls['desk'] as string]);
    assert.deepEqual([await ask(), await ask()], ['second', 'second']);
  } finally {
    await Promise.all([running.stop(), first?.stop(), second?.stop()]);
  }
});
