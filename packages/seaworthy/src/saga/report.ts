import type { AnySaga } from './definition.ts';
import { causeText, type Entry, type Instance } from './instance.ts';
import { currentStep, type Ended } from './machine.ts';
import type { Tracing } from './step-run.ts';

/** A run, as far as a report reads it. */
interface Reported {
  readonly instance: Instance;
  readonly saga: AnySaga;
  readonly deps: Tracing;
  log(level: 'info' | 'warn' | 'error', message: string, more: Readonly<Record<string, unknown>>): void;
}

/** Reports what a failure of `from` came to. A declared error is an answer, and not reported. */
export function reportFailure(run: Reported, { outcome, error: given }: Ended, from: Instance): void {
  if (outcome.kind !== 'failed') return;
  const { state, attempts, cause, journal } = run.instance;
  const { name, steps } = run.saga;
  const error = given ?? outcome.message;
  if (state === 'stuck') {
    const { step } = journal.find((entry) => entry.state === 'stuck') as Entry;
    run.log('error', `the saga ${name} is stuck: its step ${step} cannot be undone, and waits for a verdict`, { error });
  } else if (from.state !== state) {
    const step = cause && 'step' in cause ? cause.step : '';
    const level = outcome.final ? 'error' : 'warn';
    run.log(level, `the step ${step} of ${name} failed; undoing the saga`, { attempts: from.attempts + 1, error });
  } else {
    const step = outcome.at === undefined ? currentStep(run.instance)?.step : steps[outcome.at]?.name;
    const what = state === 'undoing' ? `the undo of ${step}` : `the step ${step}`;
    run.log('warn', `${what} of ${name} failed; retrying`, { state, attempts, error });
  }
}

/** Reports an instance that has ended or is stuck. */
export function reportEnd(run: Reported): void {
  const { state, key, cause } = run.instance;
  const { name } = run.saga;
  if (state === 'done' || state === 'undone' || state === 'stuck')
    run.deps.runtime.observe.count('seaworthy_saga_ended_total', { saga: name, state });
  if (state === 'undone' && cause) run.log('info', `the saga ${name} was undone: ${causeText(cause)}`, { key });
}
