import { inSource, type Mutant } from '../mutant.ts';

const deaths = inSource('saga/suspects', 'saga/kill');
const suites = inSource(
  'saga/machine',
  'saga/steps',
  'saga/local-steps',
  'saga/postponed',
  'saga/undo',
  'saga/stop',
  'saga/takeover',
  'saga/verdict',
  'saga/commit-unknown',
  'saga/engine',
);
const storm = { over: 'bank' } as const;

export const saga: readonly Mutant[] = [
  {
    name: 'saga: a process that stopped in order counts as a death',
    edits: [['saga/orphans.ts', 'due <= ? and ${crashed} then', 'due <= ? then']],
    tests: deaths,
  },
  {
    name: 'saga: a suspect does not write its death before its run',
    edits: [['saga/saga-store.ts', "Number(row['crashes']) + 1", "Number(row['crashes'])"]],
    tests: deaths,
  },
  {
    name: 'saga: two steps that may kill the process run at one time',
    edits: [['saga/schedule.ts', 'suspectFrom = 2', 'suspectFrom = 200']],
    tests: deaths,
  },
  {
    name: 'saga: a step or an undo that kills its process runs forever',
    edits: [['saga/machine.ts', 'crashes < definition.crashes', 'crashes < 1000 * definition.crashes']],
    tests: deaths,
  },
  {
    name: 'saga: the result of a step that ends while its saga is stopped is lost',
    edits: [
      [
        'saga/saga-run.ts',
        "return outcome.kind === 'done' && this.isStopped(seen) ? this.conclude(ended) : undefined;",
        'return undefined;',
      ],
      ['saga/remote-step.ts', 'return run.isStopped(seen) ? run.conclude(ended) : wait;', 'return wait;'],
    ],
    tests: suites,
  },
  {
    name: 'saga: a failed local step rolls back the step before it',
    edits: [['saga/remote-step.ts', 'const wait = await localSteps(run, after);', 'const wait = await localSteps(run, seen);']],
    tests: suites,
  },
  {
    name: 'saga: a remote step runs before its intent is written',
    edits: [['saga/machine.ts', "step.kind === 'remote' && at === journal.length", "step.kind === 'remote' && at < 0"]],
    tests: inSource('saga/machine'),
  },
  {
    name: 'saga: a declared error counts as an unknown outcome',
    edits: [['saga/machine.ts', "{ step, state: 'refused' }", "{ step, state: 'done' }"]],
    tests: inSource('saga/machine'),
  },
  {
    name: 'saga: deaths before a transition count after it',
    edits: [['saga/saga-store.ts', 'version = version + 1, crashes = 0,', 'version = version + 1,']],
    tests: deaths,
  },
  {
    name: 'saga: a step can be undone only once its result is known',
    edits: [['saga/machine.ts', "new Set(['done', 'intended', 'stuck'])", "new Set(['done', 'stuck'])"]],
    tests: suites,
    storm: { ...storm, soon: true },
  },
  {
    name: 'saga: a step whose commit was not confirmed is written again',
    edits: [['saga/saga-store.ts', ' and version = ?', ' and ? >= 0']],
    tests: suites,
  },
  {
    name: 'saga: without a fence, a process that only stalled overwrites its successor',
    edits: [['saga/saga-store.ts', ' and owner = ? and version = ?', " and ? <> '' and ? >= 0"]],
    tests: suites,
    storm: { over: 'bank', instances: 2 },
  },
  {
    name: 'saga: a stopped saga continues',
    edits: [['saga/saga-store.ts', "updates(' and stopping is null')", "updates('')"]],
    tests: suites,
    storm,
  },
  {
    name: 'saga: steps are undone in the order in which they were done',
    edits: [['saga/machine.ts', 'journal.findLastIndex((entry, index)', 'journal.findIndex((entry, index)']],
    tests: suites,
    storm,
  },
  {
    name: 'saga: each attempt of a call has a key of its own',
    edits: [['saga/calls.ts', 'key: `${key}#${count}${before', 'key: `${key}#${count}.${Math.floor(clock.monotonic())}${before']],
    tests: suites,
    storm,
  },
  {
    name: 'saga: two calls of one step have one key',
    edits: [['saga/calls.ts', 'key: `${key}#${count}${before', 'key: `${key}#1${before']],
    tests: suites,
  },
  {
    name: 'saga: a step that was refused is undone as well',
    edits: [['saga/calls.ts', 'unsettled--;', '']],
    tests: suites,
  },
  {
    name: 'saga: the calls of an undo do not name the step that they undo',
    edits: [['saga/calls.ts', '      undoes,\n    });', '    });']],
    tests: suites,
    storm,
  },
  {
    name: 'saga: an open breaker counts as an attempt',
    edits: [
      [
        'saga/waits.ts',
        'if (!isNotYet(error) && !(error instanceof LocalRejection)) return undefined;',
        'if (!isNotYet(error)) return undefined;',
      ],
    ],
    tests: suites,
  },
  {
    name: 'saga: a step in progress elsewhere counts as an attempt',
    edits: [['saga/waits.ts', "inProgress.has(error.problem.code ?? '')", 'false']],
    tests: suites,
  },
  {
    name: 'saga: the same key starts a second instance',
    edits: [['saga/saga-store.ts', 'tx.dialect.insertNew(started)', "tx.dialect.upsert({ ...started, set: 'changed' })"]],
    tests: suites,
  },
  {
    name: 'saga: a start under a key that is taken runs the local steps all the same',
    edits: [['saga/starts.ts', 'if (!(await insertSaga(sql, first))) return undefined;', 'await insertSaga(sql, first);']],
    tests: inSource('saga/starts', 'saga/local-steps', 'saga/engine'),
  },
  {
    name: 'saga: a saga that is not stuck accepts a verdict',
    edits: [['saga/saga-store.ts', "where id = ? and state = 'stuck'`, id", 'where id = ?`, id']],
    tests: suites,
  },
];
