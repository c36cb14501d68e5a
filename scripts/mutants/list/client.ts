import { inSource, type Mutant } from '../mutant.ts';

export const client: readonly Mutant[] = [
  {
    name: 'client: each attempt of a call has a key of its own',
    edits: [
      [
        'client/caller.ts',
        'pool.send(history, { operation, input, key, deadline,',
        'pool.send(history, { operation, input, key: key && `${key}.${attempt}`, deadline,',
      ],
    ],
    tests: inSource('client/caller', 'client/instances', 'service/service'),
    storm: { over: 'bank' },
  },
  {
    name: 'client: an instance that left still receives calls',
    edits: [['client/instances.ts', 'member.left = !addresses.has(member.at);', '']],
    tests: inSource('client/drivers/drivers', 'fleet/addresses'),
  },
  {
    name: 'client: attempts carry no deadline',
    edits: [['client/transports/http.ts', 'deadlineMs: deadline?.remaining(), ', '']],
    tests: inSource('client/transports/transports', 'service/service', 'http/server', 'gateway/serve'),
  },
  {
    name: 'client: the answer is not validated against the contract',
    edits: [
      ['client/caller.ts', 'const value = await validated(operation, operation.output, answer.output);', 'const value = answer.output;'],
    ],
    tests: inSource('client/caller', 'service/service'),
  },
  {
    name: 'gateway: a client can ask for more time than the gateway gives',
    edits: [['gateway/serve.ts', 'Math.min(timeoutMs, deadlineMs)', 'deadlineMs']],
    tests: inSource('gateway/serve'),
  },
  {
    name: 'gateway: a client that leaves does not stop the calls of an aggregate',
    edits: [['gateway/gather.ts', ', { signal: incoming.signal })', ')']],
    tests: inSource('gateway/serve'),
  },
  {
    name: 'gateway: caches may keep an aggregate that lacks a part',
    edits: [['gateway/aggregate.ts', "...(partial && { 'cache-control': 'no-store' })", '']],
    tests: inSource('gateway/aggregate'),
  },
  {
    name: 'resilience: a late result of an earlier generation counts',
    edits: [
      ['resilience/breaker.ts', 'const current = admission.generation === this.#generation;', 'const current = admission.generation >= 0;'],
    ],
    tests: inSource('resilience/breaker.model'),
  },
];
