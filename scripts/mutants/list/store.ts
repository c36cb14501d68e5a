import { inSource, type Mutant } from '../mutant.ts';

export const store: readonly Mutant[] = [
  {
    name: 'store: no worker is ever considered dead',
    edits: [['store/watch.ts', 'sql: `until >= ${sql} and until <= ${sql} + 2 * ttl`', 'sql: `${sql} > 0 and ${sql} > 0`']],
    tests: inSource('outbox/outbox', 'saga/takeover'),
    storm: { over: 'bank' },
  },
  {
    name: 'store: every worker is considered dead',
    edits: [['store/watch.ts', 'sql: `until >= ${sql} and', 'sql: `until >= ${sql} + 9e15 and']],
    tests: inSource('outbox/outbox', 'saga/takeover'),
  },
  {
    name: 'store: workers compare heartbeats by their own clocks',
    edits: [['store/worker.ts', 'const now = store.now();', "const now = { sql: '?', values: [runtime.clock.now()] };"]],
    tests: inSource('store/worker', 'store/drivers/drivers'),
  },
  {
    name: 'store: a term goes on when a heartbeat is missed',
    edits: [['store/heartbeat.ts', 'closed || isMissed() ? undefined : number', 'closed ? undefined : number']],
    tests: inSource('store/worker', 'outbox/relay', 'saga/takeover', 'service/external/driver'),
  },
  {
    name: 'store: a process that hears the others polls all the same',
    edits: [['store/rest.ts', '10_000 : 1000', '1000 : 1000']],
    tests: inSource('service/idle'),
  },
  {
    name: 'store: a transaction continues after a failed statement',
    edits: [['store/tx-state.ts', '    level.lose(cause);', '']],
    tests: inSource('store/drivers/drivers'),
  },
  {
    name: 'store: a statement for the commit outlives its savepoint',
    edits: [['store/tx-state.ts', 'this.#deferred?.filter(({ mark }) => !mark.undone)', 'this.#deferred']],
    tests: inSource('store/drivers/drivers', 'outbox/outbox'),
  },
  {
    name: 'bus: progress is saved without a check of who owns the partition',
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
    name: 'bus: queued events of a lost partition are delivered',
    edits: [['bus/drivers/embedded-member.ts', '      owned: partition.owned,\n', '']],
    tests: inSource('bus/drivers/embedded', 'bus/drivers/embedded-group', 'bus/drivers/drivers'),
  },
  {
    name: 'bus: progress passes events in flight',
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
    name: 'bus: a leaving member releases its partitions before its events in flight have ended',
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
    name: 'bus: events in flight of a closing member in memory are redelivered before they have ended',
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
    name: 'bus: an event larger than the limit is published',
    edits: [['bus/options.ts', 'Buffer.byteLength(text) > maxBytes)', 'Buffer.byteLength(text) < 0 * maxBytes)']],
    tests: inSource('bus/drivers/drivers'),
  },
  {
    name: 'bus: a message that is not an event is acknowledged before it is stored',
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
    name: 'bus: a new group on queues receives events published before it',
    edits: [['bus/drivers/memory.ts', "if (this.#features.keeps === 'log') log.push", 'if (this.#features.keeps !== undefined) log.push']],
    tests: inSource('bus/drivers/drivers'),
  },
  {
    name: 'bus: an event that is on hold is handled',
    edits: [['bus/dispatch.ts', 'if (delivery.isHeld?.() && !delivery.owned?.aborted) {', 'if (delivery.isHeld?.() && delivery.owned) {']],
    tests: inSource('bus/dispatch'),
  },
];
