import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

/** A program that runs in a process of its own, since an unhandled rejection ends a process. */
const program = `
import { command, contract, event } from 'seaworthy/contract';
import { fleet, start } from 'seaworthy/fleet';
import { saga } from 'seaworthy/saga';
import { service } from 'seaworthy/service';
import { z } from 'zod';

const Ref = z.object({ id: z.string() });
const desk = contract('desk', {
  write: command({ http: 'POST /write', input: Ref }),
  call: command({ http: 'POST /call', input: Ref }),
  refuse: command({ http: 'POST /refuse', input: Ref }),
  said: event({ key: 'id', data: Ref }),
});
const turn = () => new Promise((resolve) => setImmediate(resolve));
const acts = {
  // A helper that awaits its statements and is not awaited itself.
  async helper({ tx }) {
    const audit = async () => {
      await tx.run('insert into nowhere values (1)');
    };
    audit();
  },
  async wrapping({ tx }) {
    const audit = async () => {
      try {
        await tx.savepoint(() => tx.run('insert into nowhere values (1)'));
      } catch (cause) {
        throw new Error('no audit', { cause });
      }
    };
    audit();
    await turn();
  },
  async late({ publish, tx, input }) {
    const announce = async () => {
      await turn();
      await turn();
      try {
        publish('said', input);
      } finally {
        await tx.run('select 1');
      }
    };
    announce();
  },
  async timer({ publish, input }) {
    setTimeout(() => publish('said', input));
    setImmediate(() => {
      try {
        publish('said', input);
      } catch (cause) {
        throw new Error('no news', { cause });
      }
    });
  },
  async caught({ tx }) {
    const audit = async () => {
      await tx.run('insert into nowhere values (1)');
    };
    audit().catch(() => {});
  },
};
const job = saga(desk, 'job', { input: Ref, key: ({ id }) => id, uses: [desk] }).step('refuse', {
  do({ call, input }) {
    const ask = async () => {
      await call(desk.refuse, input);
    };
    ask();
  },
});
const defined = service(desk, {
  migrations: [{ name: 'desk/1', statements: ['create table note (id text)'] }],
  handlers: {
    async write(context) {
      await context.tx.run('insert into note values (?)', context.input.id);
      await acts[context.input.id](context);
    },
    call: ({ input, start: begin }) => begin(job, input),
    refuse() {
      throw new Error('no');
    },
  },
  sagas: [job],
});
if (process.argv[2] === 'thrown')
  acts.timer = async ({ publish, input }) => {
    setTimeout(() => {
      try {
        publish('said', input);
      } catch {}
      throw new Error('not of the toolkit');
    });
  };
const running = await start(fleet({ services: [defined] }), { dir: process.argv[1], logLevel: 'silent' });
const answers = {};
for (const id of Object.keys(acts)) {
  answers[id] = await running.call(desk.write, { id }).then(
    () => 'ok',
    (error) => error.problem?.code ?? String(error),
  );
  await turn();
  await turn();
}
await new Promise((resolve) => setTimeout(resolve, 5));
await running.call(desk.call, { id: 'saga' });
for (let round = 0; round < 50; round++) await turn();
await running.stop();
process.on('exit', () => console.log(JSON.stringify(answers)));
if (process.argv[2] === 'foreign') Promise.reject(new Error('not of the toolkit'));
`;

async function play(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'seaworthy-strays-'));
  const options = [...process.execArgv.filter((arg) => !arg.startsWith('--test')), '--conditions=@seaworthy/source'];
  const child = spawn(process.execPath, [...options, '--input-type=module', '-e', program, dir, ...args], { cwd: import.meta.dirname });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => {
    out += String(text);
  });
  child.stderr.on('data', (text) => {
    err += String(text);
  });
  const [code] = (await once(child, 'close')) as [number];
  await rm(dir, { recursive: true, force: true });
  return { code, out: out.trim(), err };
}

test('neither a helper that is not awaited nor a callback after the end of its handler ends the process', async () => {
  const { code, out, err } = await play();
  assert.equal(code, 0, err);
  assert.deepEqual(JSON.parse(out), {
    helper: 'SW_NOT_AWAITED',
    wrapping: 'SW_NOT_AWAITED',
    late: 'ok',
    timer: 'ok',
    caught: 'SW_STORE_TRANSACTION_LOST',
  });
});

test('a rejection outside of handlers ends the process', async () => {
  const { code, err } = await play('foreign');
  assert.equal(code, 1);
  assert.match(err, /not of the toolkit/);
});

test("an exception of a callback's own ends the process, even after a late use of its handler", async () => {
  const { code, out, err } = await play('thrown');
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /^Error: not of the toolkit$/m);
});
