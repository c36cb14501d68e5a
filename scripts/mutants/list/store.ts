import { inSource, type Mutant } from '../mutant.ts';

export const store: readonly Mutant[] = [
  {
    name: 'store: a worker is dead for nobody',
    edits: [['store/worker.ts', 'where until >= ? and until <= ? + 2 * ttl)', 'where ? > 0 and ? > 0)']],
    tests: inSource('outbox/outbox', 'saga/takeover'),
    storm: { over: 'bank' },
  },
  {
    name: 'store: everybody is dead',
    edits: [['store/worker.ts', 'where until >= ? and until <= ? + 2 * ttl)', 'where until >= ? + 9e15 and until <= ? + 2 * ttl)']],
    tests: inSource('outbox/outbox', 'saga/takeover'),
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
    edits: [['bus/drivers/embedded-member.ts', 'gone: () => partition.lost,', 'gone: () => false,']],
    tests: inSource('bus/drivers/embedded', 'bus/drivers/embedded-group', 'bus/drivers/drivers'),
  },
  {
    name: 'bus: progress goes past what is in hand',
    edits: [['bus/drivers/embedded-partition.ts', 'return first === undefined ? this.seen : first - 1;', 'return this.seen;']],
    tests: inSource('bus/drivers/drivers', 'bus/drivers/embedded'),
    storm: { over: 'bank' },
  },
  {
    name: 'bus: a rejected event is acknowledged',
    edits: [
      [
        'bus/dispatch.ts',
        '        if (closing.signal.aborted) return;\n        observe.count',
        '        if (!closing.signal.aborted) return delivery.done();\n        observe.count',
      ],
    ],
    tests: inSource('bus/drivers/embedded', 'bus/drivers/embedded-group', 'bus/drivers/drivers'),
    storm: { over: 'bank' },
  },
];
