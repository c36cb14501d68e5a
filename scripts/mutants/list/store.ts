import { inSource, type Mutant } from '../mutant.ts';

export const store: readonly Mutant[] = [
  {
    name: 'store: a worker is dead for nobody',
    edits: [['store/worker.ts', 'where until >= ${sql} and until <= ${sql} + 2 * ttl)', 'where ${sql} > 0 and ${sql} > 0)']],
    tests: inSource('outbox/outbox', 'saga/takeover'),
    storm: { over: 'bank' },
  },
  {
    name: 'store: everybody is dead',
    edits: [
      [
        'store/worker.ts',
        'where until >= ${sql} and until <= ${sql} + 2 * ttl)',
        'where until >= ${sql} + 9e15 and until <= ${sql} + 2 * ttl)',
      ],
    ],
    tests: inSource('outbox/outbox', 'saga/takeover'),
  },
  {
    name: 'store: workers compare heartbeats by their own clocks',
    edits: [
      [
        'store/worker.ts',
        'const { sql, values } = store.now();\n    return steadily',
        "const { sql, values } = { sql: '?', values: [clock.now()] };\n    return steadily",
      ],
    ],
    tests: inSource('store/worker', 'store/drivers/drivers'),
  },
  {
    name: 'store: a transaction goes on after a failed statement',
    edits: [['store/tx-state.ts', '    this.level.lose(cause);', '']],
    tests: inSource('store/drivers/drivers'),
  },
  {
    name: 'store: a statement for the commit outlives its savepoint',
    edits: [['store/tx-state.ts', 'this.#deferred?.filter(({ mark }) => !mark.undone)', 'this.#deferred']],
    tests: inSource('store/drivers/drivers', 'outbox/outbox'),
  },
  {
    name: 'bus: progress is saved without asking whose the partition is',
    edits: [
      [
        'bus/drivers/embedded-group.ts',
        'where topic = ? and name = ? and part = ? and member = ?',
        'where topic = ? and name = ? and part = ? and ? is not null',
      ],
    ],
    tests: inSource('bus/drivers/embedded', 'bus/drivers/embedded-group', 'bus/drivers/drivers'),
  },
  {
    name: 'bus: a member takes partitions that a living member holds',
    edits: [['bus/drivers/embedded-group.ts', "if (!row['free'] || !rightful.has(part)) continue;", 'if (!rightful.has(part)) continue;']],
    tests: inSource('bus/drivers/embedded', 'bus/drivers/embedded-group', 'bus/drivers/drivers'),
  },
  {
    name: 'bus: what a lost partition has in line is handed out all the same',
    edits: [['bus/drivers/embedded-member.ts', '      owned: partition.owned,\n', '']],
    tests: inSource('bus/drivers/embedded', 'bus/drivers/embedded-group', 'bus/drivers/drivers'),
  },
  {
    name: 'bus: progress goes past what is in hand',
    edits: [['bus/partition.ts', 'return first === undefined ? this.seen : first - 1;', 'return this.seen;']],
    tests: inSource('bus/drivers/drivers', 'bus/drivers/embedded'),
    storm: { over: 'bank' },
  },
  {
    name: 'bus: a rejected event is acknowledged',
    edits: [
      [
        'bus/dispatch.ts',
        '        if (inFlight.closing.aborted || within.aborted) return;\n        observe.count',
        '        if (!inFlight.closing.aborted) return done();\n        observe.count',
      ],
    ],
    tests: inSource('bus/drivers/embedded', 'bus/drivers/embedded-group', 'bus/drivers/drivers'),
    storm: { over: 'bank' },
  },
  {
    name: 'bus: a member that leaves lets go of its partitions before what is in flight has ended',
    edits: [
      [
        'bus/drivers/embedded-member.ts',
        'await Promise.all([this.#loop?.close(), this.#dispatch.close(signal)]);',
        'await this.#loop?.close();\n    void this.#dispatch.close(signal);',
      ],
    ],
    tests: inSource('bus/drivers/drivers'),
  },
  {
    name: 'bus: what a member in memory had is given to others before it has ended',
    edits: [
      [
        'bus/drivers/memory.ts',
        '        await member.dispatch.close(signal);\n        topics.takeBack(group, member);',
        '        void member.dispatch.close(signal);\n        topics.takeBack(group, member);',
      ],
    ],
    tests: inSource('bus/drivers/drivers'),
  },
  {
    name: 'bus: an event of any size is published',
    edits: [['bus/options.ts', 'Buffer.byteLength(text) > maxBytes)', 'Buffer.byteLength(text) < 0 * maxBytes)']],
    tests: inSource('bus/drivers/drivers'),
  },
  {
    name: 'bus: a message that is not an event is acknowledged before anything took it',
    edits: [
      [
        'bus/incoming.ts',
        'handle: async (delivered) => unreadable?.(unread, delivered),',
        'handle: async (delivered) => void unreadable?.(unread, delivered).catch(() => {}),',
      ],
    ],
    tests: inSource('bus/drivers/drivers'),
  },
  {
    name: 'bus: a new group on queues gets what was published before it',
    edits: [['bus/drivers/memory.ts', "if (this.#features.keeps === 'log') log.push", 'if (this.#features.keeps !== undefined) log.push']],
    tests: inSource('bus/drivers/drivers'),
  },
  {
    name: 'bus: a held event begins',
    edits: [['bus/dispatch.ts', 'if (delivery.isHeld?.() && !delivery.owned?.aborted) {', 'if (delivery.isHeld?.() && delivery.owned) {']],
    tests: inSource('bus/dispatch'),
  },
];
