import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const root = mkdtempSync(join(tmpdir(), 'seaworthy-logs-'));
after(() => rmSync(root, { recursive: true, force: true }));

const importable = (path: string): string => JSON.stringify(pathToFileURL(resolve(import.meta.dirname, '..', path)).href);

/** A fleet as a beginner starts it, in a process whose output can be read: one request breaks its handler, one a reaction. */
const program = (dir: string, settings: Readonly<Record<string, string>>): string => `
  import { z } from 'zod';
  import { command, contract, event } from ${importable('contract/contract.ts')};
  import { environment } from ${importable('fleet/environment.ts')};
  import { fleet } from ${importable('fleet/fleet.ts')};
  import { start } from ${importable('fleet/start.ts')};
  import { gateway } from ${importable('gateway/gateway.ts')};
  import { route } from ${importable('gateway/route.ts')};
  import { service } from ${importable('service/service.ts')};

  const input = z.object({ id: z.string() });
  const desk = contract('desk', {
    mistype: command({ http: 'POST /mistype', input }),
    file: command({ http: 'POST /file', input }),
    filed: event({ key: 'id', data: input }),
  });
  let attempts = 0;
  let again;
  const reaction = new Promise((resolve) => { again = resolve; });
  const office = fleet({
    services: [
      service(desk, {
        handlers: {
          mistype: async ({ tx }) => void (await tx.run('selekt 1')),
          file: ({ input, publish }) => publish('filed', input),
        },
      }),
      service(contract('archive', {}), {
        handlers: {},
        on: (on) => [on(desk.filed, () => {
          if (++attempts === 2) again(); // the failure of the first one has been written down by now
          throw new Error('the archive is full');
        })],
      }),
    ],
    gateway: gateway({ routes: [route('POST /mistype', desk.mistype), route('POST /file', desk.file)] }),
  });
  const consumer = { retry: { base: '10ms' } };
  const running = await start(office, { consumer, ...environment(${JSON.stringify({ ...settings, PORT: '0', SEAWORTHY_DIR: dir })}) });
  const post = (path) =>
    fetch(running.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"id":"1"}' });
  const answer = await post('/mistype');
  process.stderr.write(answer.status + ' ' + (await answer.text()));
  await post('/file');
  await reaction;
  await running.stop();`;

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly service: string;
  readonly error: { readonly code?: string; readonly message: string };
}

/** Returns what the client of a fleet received, and the lines of its log. */
async function seen(settings: Readonly<Record<string, string>>): Promise<{ readonly received: string; readonly lines: readonly Line[] }> {
  const dir = mkdtempSync(join(root, 'office-'));
  const flags = ['--conditions=@seaworthy/source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e'];
  const cwd = import.meta.dirname;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, program(dir, settings)], { cwd, timeout: 30_000 });
  return { received: stderr, lines: stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line])) };
}

test('without telemetry the log has the errors of handlers and reactions, and the client sees no SQL', async () => {
  const { received, lines } = await seen({});
  assert.match(received, /^502 .*SW_STORE_STATEMENT_FAILED/);
  assert.doesNotMatch(received, /selekt/);
  const [handler] = lines.filter(({ service }) => service === 'desk');
  const [reaction] = lines.filter(({ service }) => service === 'archive');
  assert.deepEqual([handler?.level, handler?.msg, handler?.error.code], ['error', 'desk.mistype failed', 'SW_STORE_STATEMENT_FAILED']);
  assert.match(handler?.error.message ?? '', /selekt 1/);
  assert.deepEqual([reaction?.level, reaction?.msg, reaction?.error.message], ['warn', 'desk.filed was parked', 'the archive is full']);
});

test('LOG_LEVEL=silent logs nothing, and another level hides lower ones', async () => {
  assert.deepEqual((await seen({ LOG_LEVEL: 'silent' })).lines, []);
  const levels = (await seen({ LOG_LEVEL: 'error' })).lines.map(({ level }) => level);
  assert.deepEqual([...new Set(levels)], ['error']);
});
