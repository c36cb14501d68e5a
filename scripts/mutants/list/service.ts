import { inSource, type Mutant } from '../mutant.ts';

const externals = ['driver', 'prepare', 'complete', 'suspects', 'calls'].map((file) => `service/external/${file}`);
const suites = inSource('service/service', 'service/unit-of-work', 'service/idempotency', ...externals);
const storm = { over: 'bank' } as const;

export const service: readonly Mutant[] = [
  {
    name: 'service: a process that stopped in order counts as a death of its intents',
    edits: [['service/external/claim.ts', 'const died = `in_flight = 1 and ${crashed}`;', "const died = 'in_flight = 1';"]],
    tests: inSource(...externals, 'service/kill'),
  },
  {
    name: 'service: an intent that kills its process is not set aside',
    edits: [['service/external/suspects.ts', 'crashes >= ${mostDeaths}', 'crashes >= ${1000 * mostDeaths}']],
    tests: inSource(...externals, 'service/kill'),
  },
  {
    name: 'service: intents that may kill the process are driven together',
    edits: [['service/external/suspects.ts', 'alone.tryTake()', '() => {}']],
    tests: inSource(...externals, 'service/kill'),
  },
  {
    name: 'service: a repeat under a key runs the handler again',
    edits: [['service/command.ts', 'if (answer) return answer;', '']],
    tests: suites,
    storm,
  },
  {
    name: 'service: another payload under a key gets the recorded answer',
    edits: [['service/idempotency.ts', 'if (recorded === call.fingerprint) return;', 'if (recorded !== undefined) return;']],
    tests: suites,
    storm,
  },
  {
    name: 'service: a declared error does not roll back the rows',
    edits: ['service/command.ts', 'service/external/complete.ts'].map((file) => [
      file,
      'await unit.run(run, handle, (returned) => answerOf(operation, returned));',
      'await unit.run(run, handle, (returned) => answerOf(operation, returned)).catch((error) => declaredOf(operation, error));',
    ]),
    tests: suites,
    storm,
  },
  {
    name: 'service: a refusal is not recorded under its key',
    edits: [
      [
        'service/command.ts',
        'record(unit.sql, call, answer, unit.now);',
        "if (answer.kind === 'output') record(unit.sql, call, answer, unit.now);",
      ],
    ],
    tests: inSource('service/refusal', 'service/service'),
  },
  {
    name: 'service: an undo leaves no tombstone',
    edits: [
      [
        'service/tombstone.ts',
        "await tx.run(tx.dialect.upsert({ table: 'sw_tombstone', columns: 'step, at, undone', key: 'step', set: 'at, undone' }), step, now, 1);",
        '',
      ],
    ],
    tests: inSource('service/undo', 'service/service'),
  },
  {
    name: 'service: an undo does not wait for the outcome of an external command of its step',
    edits: [['service/tombstone.ts', 'if (!open) return undefined;', 'if (open === undefined || open !== undefined) return undefined;']],
    tests: inSource('service/undo', ...externals),
    storm,
  },
  {
    name: 'service: a process that does not own an intent can commit its outcome',
    edits: [
      [
        'service/external/intent-table.ts',
        '`delete from sw_intent where operation = ? and idempotency_key = ? and ${ownedBy}`',
        "`delete from sw_intent where operation = ? and idempotency_key = ? and ? <> ''`",
      ],
    ],
    tests: suites,
  },
  {
    name: 'service: two processes drive one command at a time',
    edits: [
      ['service/external/prepare.ts', 'if (!open.free)', 'if (!open.free && due < 0)'],
      ['service/external/intent-table.ts', '(owner = ? or ${dead.sql})`', '(owner = ? or ${dead.sql} or 1 = 1)`'],
    ],
    tests: suites,
  },
  {
    name: 'service: an intent of a dead process is left alone',
    edits: [
      ['service/external/claim.ts', "dead: rows.filter(({ what }) => what === 'dead')", "dead: rows.filter(({ what }) => what === 'none')"],
    ],
    tests: suites,
    storm,
  },
  {
    name: 'service: idempotency records are forgotten at once',
    edits: [['service/idempotency.ts', 'sql: `of_step = ? and at < ? and (answer', 'sql: `of_step = ? and at < ? + 9e15 and (answer']],
    tests: inSource('service/idempotency', 'service/service'),
  },
];
