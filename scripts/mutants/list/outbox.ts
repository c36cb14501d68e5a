import { inSource, type Mutant } from '../mutant.ts';

const suites = inSource('outbox/outbox', 'outbox/property');
const storm = { over: 'bank' } as const;

export const outbox: readonly Mutant[] = [
  {
    name: 'outbox: the relay deletes the rows, then publishes',
    edits: [
      [
        'outbox/relay.ts',
        '      await bus.publish(service, envelopes);',
        '      await remove(sent.map(({ seq }) => seq));\n      await bus.publish(service, envelopes);',
      ],
    ],
    tests: suites,
    storm: { ...storm, soon: true },
  },
  {
    name: 'outbox: the relay continues after the highest number that it has seen',
    edits: [
      [
        'outbox/relay.ts',
        'readSome(store.sqlRead, firstRows, { rows: batch, bytes: mostBytes });',
        "readSome(store.sqlRead, { ...firstRows, from: `sw_outbox where seq > ${last} order by seq` }, { rows: batch, bytes: mostBytes });\n    last = Number(rows.at(-1)?.['seq'] ?? last);",
      ],
      ['outbox/relay.ts', '  let ledIn: number | undefined;', '  let ledIn: number | undefined;\n  let last = 0;'],
    ],
    tests: suites,
    storm,
  },
  {
    name: 'outbox: the relay publishes the newest events first',
    edits: [['outbox/relay.ts', "from: 'sw_outbox order by seq'", "from: 'sw_outbox order by seq desc'"]],
    tests: suites,
    storm,
  },
  {
    name: 'outbox: the relay deletes rows without the lease',
    edits: [
      [
        'outbox/relay.ts',
        "if (!(await worker.holdLease(sql, 'relay'))) return false;\n      await work(sql);",
        "await worker.holdLease(sql, 'relay');\n      await work(sql);",
      ],
    ],
    tests: suites,
  },
  {
    name: 'outbox: events of a savepoint that was rolled back are published',
    edits: [['outbox/outbox.ts', 'collected.filter(({ level }) => !level?.undone)', 'collected.filter(() => true)']],
    tests: inSource('outbox/outbox', 'service/unit-of-work', 'service/lifetime'),
    storm,
  },
  {
    name: 'inbox: a repeat is not recognised',
    edits: [['outbox/inbox.ts', '  return changes > 0;', '  return changes >= 0;']],
    tests: suites,
    storm: { ...storm, soon: true },
  },
  {
    name: 'inbox: the mark is committed in a transaction of its own',
    edits: [
      [
        'outbox/delivery.ts',
        "      runtime.reached('inbox/handle/before');",
        "      if (!(await store.transaction((tx) => mark(store.sql(tx), arrived, clock.now())))) return ['repeat'];",
      ],
      ['outbox/delivery.ts', "        if (!(await mark(tx, arrived, now))) return 'repeat';\n        if", '        if'],
    ],
    tests: suites,
    storm,
  },
  {
    name: 'inbox: an event behind a parked one of its key is handled at once',
    edits: [['outbox/delivery.ts', 'if (!(await queueBehind(tx, orderingKey))) return undefined;', 'return undefined;']],
    tests: suites,
    storm,
  },
  {
    name: 'inbox: an event queues behind a parked one that is gone',
    edits: [['outbox/parked.ts', 'if (changes > 0) return true;', 'if (changes >= 0) return true;']],
    tests: suites,
  },
  {
    name: 'inbox: an event that fails behind a parked one is due at once',
    edits: [['outbox/delivery.ts', 'dueMs: (await queueBehind(tx, orderingKey)) ? undefined : dueMs }', 'dueMs }']],
    tests: suites,
  },
  {
    name: 'inbox: when a parked event is done, the next one of its key stays parked',
    edits: [['outbox/parked.ts', '  await advance(tx, orderingKey, now);\n  return true;', '  return true;']],
    tests: suites,
    storm,
  },
  {
    name: 'inbox: a process that does not own a parked event can end it',
    edits: [
      [
        'outbox/parked.ts',
        '`delete from sw_parked where seq = ? and ${ownedBy}`, seq, owner',
        "'delete from sw_parked where seq = ?', seq",
      ],
    ],
    tests: suites,
  },
  {
    name: 'inbox: a process that does not own a parked event can postpone it',
    edits: [['outbox/parked.ts', "due = ?, owner = '' where seq = ? and ${ownedBy}`", "due = ?, owner = '' where seq = ? and ? <> ''`"]],
    tests: suites,
  },
  {
    name: 'inbox: a claim takes parked events from living processes',
    edits: [['outbox/claim.ts', `const free = { sql: "owner = ''",`, "const free = { sql: '1 = 1',"]],
    tests: suites,
  },
  {
    name: 'inbox: a claim whose commit was not confirmed is kept',
    edits: [['outbox/retries.ts', 'if (error instanceof CommitUnknown)', 'if (false as boolean)']],
    tests: suites,
    storm,
  },
  {
    name: 'inbox: a shutdown counts as a failed attempt',
    edits: [
      ['outbox/retries.ts', "if (verdict.kind === 'failed' && closing()) throw verdict.error;", ''],
      ['outbox/delivery.ts', "if (verdict.kind === 'failed' && deps.closing()) throw verdict.error;", ''],
    ],
    tests: suites,
  },
  {
    name: 'inbox: a dead letter loses its history',
    edits: [['outbox/failure.ts', 'const history = withAttempt(event.history,', 'const history = withAttempt([],']],
    tests: suites,
    storm,
  },
  {
    name: 'claim: the bytes of the claimed rows are not bounded',
    edits: [['store/claim.ts', 'where place = 1 or total <= ?)', 'where ? > 0)']],
    tests: inSource('store/claim'),
  },
  {
    name: 'claim: a row larger than the limit is never claimed',
    edits: [['store/claim.ts', 'where place = 1 or total <= ?)', 'where total <= ?)']],
    tests: inSource('store/claim'),
  },
  {
    name: 'in flight: work that has failed still counts as load',
    edits: [['core/in-flight.ts', '      if (load) this.#add(load, -1);\n', '']],
    tests: inSource('core/in-flight'),
  },
  {
    name: 'loop: a wake-up cuts the backoff short',
    edits: [
      ['core/loop.ts', 'await sleep(clock, waitMs, signal, { background: true }).catch(() => {});', 'await woken.wait(waitMs, signal);'],
    ],
    tests: inSource('core/loop'),
  },
  {
    name: 'outbox: an event larger than the bus accepts is written',
    edits: [['outbox/outbox.ts', 'if (bytes > maxBytes)', 'if (text.length > maxBytes)']],
    tests: inSource('outbox/outbox'),
  },
  {
    name: 'outbox: an event that the bus refuses forever blocks the events behind it',
    edits: [['outbox/relay.ts', 'if (refused.length === 0) throw error;', 'if (refused.length >= 0) throw error;']],
    tests: inSource('outbox/outbox'),
  },
  {
    name: 'outbox: a message that is not an event is acknowledged and forgotten',
    edits: [['outbox/delivery.ts', 'if (await mark(sql, arrived, now)) await', 'if (!(await mark(sql, arrived, now))) await']],
    tests: inSource('outbox/outbox'),
  },
  {
    name: 'outbox: a consumer subscribes to its topics one after another',
    edits: [
      [
        'outbox/consumer.ts',
        'await together(topics.map(async (topic) => void open.push(await subscribe(topic))));',
        'for (const topic of topics) open.push(await subscribe(topic));',
      ],
    ],
    tests: inSource('outbox/topics'),
  },
  {
    name: 'fleet: only the first members of its groups register them',
    edits: [['fleet/topology.ts', "if (mode !== 'trust') await", "if (mode === 'verify') await"]],
    tests: inSource('fleet/topology'),
  },
];
