import assert from 'node:assert/strict';
import type { Answer } from '../../contract/answer.ts';
import type { Contract, Members } from '../../contract/contract.ts';
import { type Case, caseOf } from '../../core/case.ts';
import { Deadline } from '../../core/deadline.ts';
import { type Runtime, runtime } from '../../core/runtime.ts';
import { Unreachable } from '../errors.ts';
import type { CallRequest, Endpoint, Transport } from '../transport.ts';
import { expected, type Name, operation, outcome, things, thingsEndpoint, values } from './things.ts';

/** What a case wants served: `endpoint` handles the operations of `contract`, under the clock of `runtime`. */
export interface Served {
  readonly contract: Contract<string, Members>;
  readonly endpoint: Endpoint;
  readonly runtime: Runtime;
}

/** A service that is served, and a way to it. */
export interface Connection {
  readonly transport: Transport;
  /** Stops serving; the transport stays open. The suite calls it once, at the end of a case at the latest. */
  stop(): Promise<void>;
}

export interface SuiteOptions {
  /** Replaces parts of the runtime. */
  readonly runtime?: Partial<Runtime>;
}

interface Ground {
  readonly transport: Transport;
  readonly runtime: Runtime;
  /** Sends an input to `things.ask`. */
  ask(what: unknown, more?: Partial<CallRequest>): Promise<Answer>;
  /** Sets what `things.ask` answers. */
  script(answer: (request: CallRequest) => Answer | Promise<Answer>): void;
  stop(): Promise<void>;
}

const output = (said: unknown): Answer => ({ kind: 'output', output: { said } });
/** A field that is `undefined` is one that is absent. */
const answers = (actual: Answer, wanted: Answer, what?: string): void =>
  assert.deepEqual(JSON.parse(JSON.stringify(actual)), JSON.parse(JSON.stringify(wanted)), what);
const unsignalled = (): AbortSignal => new AbortController().signal;
const inputOf = ({ input }: CallRequest): unknown => (input as { readonly what?: unknown }).what;

function request(name: Name, input: unknown, more: Partial<CallRequest> = {}): CallRequest {
  const bare = { operation: operation(name), input, key: undefined, deadline: undefined, undoes: undefined, attempt: 1 };
  return { ...bare, signal: unsignalled(), ...more };
}

/** Inputs of an operation that it accepts: each field of them is then replaced by each of `values`. */
const right: Readonly<Partial<Record<Name, Readonly<Record<string, unknown>>>>> = {
  find: { id: 'i', text: 't', n: 1.5, yes: true, word: 'a', texts: ['x', 'y z'], labels: [], ints: [1, 2], other: undefined },
  remove: { n: 5, yes: false, ids: ['a'], other: undefined },
  put: { id: 'i', deep: { a: [1, null] }, text: 't', other: undefined },
  file: { id: 'a' },
};

/** Inputs whose address may be that of another operation. */
const addresses: readonly (readonly [Name, Readonly<Record<string, unknown>>])[] = [
  ...(['latest', 'Latest', 'all', 'history'] as const).flatMap((id) =>
    (['file', 'drop', 'history'] as const).map((name): readonly [Name, { readonly id: string }] => [name, { id }]),
  ),
  ['ofFile', { id: 'a', part: 'history' }],
  ['ofFile', { id: 'latest', part: 'a' }],
  ['ofFile', { id: 'history', part: 'latest' }],
  ['latest', {}],
  ['purge', {}],
];

/**
 * Returns the suite of the transport port, which every transport runs as a whole. `connect` serves an endpoint and opens a transport to
 * it, once for each case. The cases belong to no test runner: `for (const { name, run } of transportConformance(connect)) test(name, run)`.
 */
export function transportConformance(
  connect: (served: Served) => Promise<Connection>,
  { runtime: parts = {} }: SuiteOptions = {},
): readonly Case[] {
  const on = runtime({ baggage: ['tenant'], ...parts });

  const named = (name: string, body: (ground: Ground) => Promise<void>): Case =>
    caseOf(name, async () => {
      let answer: (request: CallRequest) => Answer | Promise<Answer> = (one) => output(inputOf(one));
      const { transport, stop } = await connect({
        contract: things as unknown as Served['contract'],
        endpoint: thingsEndpoint(async (one) => answer(one)),
        runtime: on,
      });
      let stopped: Promise<void> | undefined;
      const stopOnce = (): Promise<void> => {
        stopped ??= stop();
        return stopped;
      };
      try {
        await body({
          transport,
          runtime: on,
          ask: (what, more) => transport.send(request('ask', { what }, more)),
          script(next) {
            answer = next;
          },
          stop: stopOnce,
        });
      } finally {
        await transport.close();
        await stopOnce();
      }
    });

  async function alike({ transport }: Ground, name: Name, input: unknown, what: string): Promise<void> {
    answers(await outcome(() => transport.send(request(name, input))), await expected(name, input), `${name}: ${what}`);
  }

  return [
    named('an output arrives as the service gave it', async ({ ask, script }) => {
      for (const said of [
        null,
        '',
        'ä€😀\0"\\',
        0,
        -1.5,
        1e300,
        true,
        [],
        {},
        [[null]],
        { a: { b: [1, 'c', false] } },
        'x'.repeat(200_000),
      ]) {
        script(() => output(said));
        answers(await ask('anything'), output(said));
      }
      script(() => ({ kind: 'output', output: undefined }));
      answers(await ask('anything'), { kind: 'output', output: undefined });
    }),
    named('a declared error arrives with its name and data', async ({ ask, script }) => {
      for (const answer of [
        { kind: 'declared', name: 'Refused', data: { why: 'asked for' } },
        { kind: 'declared', name: 'Gone', data: undefined },
      ] as const) {
        script(() => answer);
        answers(await ask('anything'), answer);
      }
    }),
    named('a problem arrives with its code, detail, issues, parts and the time to wait', async ({ ask, script }) => {
      for (const problem of [
        { type: 'about:blank', title: 'Conflict', status: 409 },
        {
          type: 'about:blank',
          title: 'Bad Request',
          status: 400,
          code: 'SW_INPUT_INVALID',
          issues: [{ path: 'a.0', message: 'is wrong' }],
        },
        { type: 'about:blank', title: 'Service Unavailable', status: 503, code: 'SW_OUTCOME_PENDING', detail: 'busy', retryAfterMs: 2000 },
        { type: 'about:blank', title: 'Bad Gateway', status: 502, parts: { order: 'failed', stock: 'ok' } },
      ]) {
        script(() => ({ kind: 'problem', problem }));
        answers(await ask('anything'), { kind: 'problem', problem });
      }
    }),
    named('input and output cross by value', async ({ ask, script }) => {
      const kept = { list: ['theirs'] };
      let received: unknown;
      script((one) => {
        received = inputOf(one);
        return output(kept);
      });
      const sent = { list: ['mine'] };
      const answer = await ask(sent);
      assert.deepEqual([received, answer], [sent, output(kept)]);
      assert.notEqual(received, sent);
      assert.notEqual(answer.kind === 'output' && (answer.output as { readonly said: unknown }).said, kept);
    }),
    named(
      'key, step to undo, number of the attempt and trace arrive unchanged, and are absent where none was sent',
      async ({ ask, script }) => {
        let received: CallRequest | undefined;
        script((one) => {
          received = one;
          return output(null);
        });
        const trace = {
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          tracestate: 'vendor=a',
          baggage: 'tenant=t1',
        };
        const carried = { key: 'order-17.charge#1', undoes: 'order-17.reserve', attempt: 3, trace };
        await ask('anything', carried);
        assert.partialDeepStrictEqual(received, carried);
        await ask('anything');
        const { key, undoes, attempt, trace: none, deadline } = received as CallRequest;
        assert.deepEqual([key, undoes, attempt, none, deadline], [undefined, undefined, 1, undefined, undefined]);
      },
    ),
    named('G10: the deadline that arrives is never later than the one that was sent', async ({ ask, script, runtime: { clock } }) => {
      let remaining: number | undefined;
      script(({ deadline }) => {
        remaining = deadline?.remaining();
        return output(null);
      });
      for (const ms of [0, 1, 999.9, 60_000, 60 * 86_400_000]) {
        const deadline = new Deadline(clock, clock.monotonic() + ms);
        await ask('anything', { deadline });
        assert.ok(remaining !== undefined && remaining <= ms, `${remaining} of ${ms}`);
        // A deadline that is far away does not become one that is near.
        assert.ok(remaining >= ms - 30_000, `${remaining} of ${ms}`);
      }
    }),
    named('an abort rejects with its reason and reaches the service', async ({ ask, script }) => {
      const arrived = Promise.withResolvers<AbortSignal>();
      script(({ signal }) => {
        arrived.resolve(signal);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(output('too late')), { once: true }));
      });
      const leaving = new AbortController();
      const left = ask('anything', { signal: leaving.signal });
      const signal = await arrived.promise;
      const told = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      const reason = new Error('the caller left');
      leaving.abort(reason);
      await assert.rejects(left, reason);
      if (!signal.aborted) await told;
    }),
    named('a request whose signal is aborted before it is sent is not sent', async ({ ask, script }) => {
      let served = 0;
      script(() => {
        served++;
        return output(null);
      });
      const reason = new Error('left before');
      await assert.rejects(ask('anything', { signal: AbortSignal.abort(reason) }), reason);
      await ask('anything');
      assert.equal(served, 1);
    }),
    named('calls in flight do not wait for each other, and each gets its own answer', async ({ ask, script }) => {
      const count = 50;
      const held: (() => void)[] = [];
      script(async (one) => {
        const answered = new Promise<void>((resolve) => held.push(resolve));
        // The last of them releases all, the latest first.
        if (held.length === count) for (const release of held.toReversed()) release();
        await answered;
        return output(inputOf(one));
      });
      const all = await Promise.all(Array.from({ length: count }, (_, n) => ask(n)));
      assert.deepEqual(
        all,
        Array.from({ length: count }, (_, n) => output(n)),
      );
    }),
    named('a service that is not there is Unreachable', async ({ ask, stop }) => {
      await ask('anything');
      await stop();
      await assert.rejects(ask('anything'), Unreachable);
    }),
    named('after close every call is Unreachable', async ({ ask, transport }) => {
      await ask('anything');
      await transport.close();
      await assert.rejects(ask('anything'), Unreachable);
      await transport.close();
    }),
    ...Object.entries(right).map(([name, fields]) =>
      named(`G14: an input of ${name} arrives as it was sent or is refused with each field, whatever one field has`, async (ground) => {
        const all = Object.keys(fields);
        await alike(ground, name as Name, fields, 'as it should be');
        for (const field of all)
          for (const [index, value] of values.entries())
            await alike(ground, name as Name, { ...fields, [field]: value }, `${field} is value ${index}, ${String(typeof value)}`);
        for (const field of all) {
          const { [field]: _, ...without } = fields;
          await alike(ground, name as Name, without, `without ${field}`);
        }
      }),
    ),
    named('G14: an input that is not an object is refused', async (ground) => {
      for (const name of Object.keys(right) as Name[])
        for (const [index, value] of values.entries()) await alike(ground, name, value, `value ${index}`);
    }),
    named('G14: an input whose address is that of another operation is refused', async (ground) => {
      for (const [name, input] of addresses) await alike(ground, name, input, JSON.stringify(input));
    }),
  ];
}
