import { Failure } from '../client/call.ts';
import type { Lifetime } from '../core/lifetime.ts';
import type { Level } from '../store/store.ts';
import { FailureNotThrown, RefusalNotReturned } from './errors.ts';
import { Refusal } from './refusal.ts';

/** The failures and refusals of one run of a handler. */
export interface Failing {
  /** Makes a failure for the handler to throw. Throws `RunOver` once the run has ended. */
  readonly fail: <K extends string>(name: K, data?: unknown) => Failure<K>;
  /** Makes a refusal for the handler to return. Throws `RunOver` once the run has ended. */
  readonly refuse: <K extends string>(name: K, data?: unknown) => Refusal<K>;
  /**
   * Checks what the run returned. Throws `FailureNotThrown` when the run made a failure, and `RefusalNotReturned` when it made a refusal
   * that it did not return. Those made in a savepoint that was rolled back do not count.
   */
  verify(returned: unknown): void;
}

interface Made {
  readonly result: Failure | Refusal;
  /** The level of the transaction at which it was made. */
  readonly level: Level | undefined;
}

/** Remembers the failures and refusals that a run makes. `level` returns the present level of its transaction. */
export function failing(life: Lifetime, level: () => Level | undefined): Failing {
  let made: Made[] | undefined;
  function remember<R extends Failure | Refusal>(what: string, result: R): R {
    life.check(what);
    made ??= [];
    made.push({ result, level: level() });
    return result;
  }
  return {
    fail: (name, data) => remember('fail', new Failure(name, data)),
    refuse: (name, data) => remember('refuse', new Refusal(name, data)),
    verify(returned) {
      const open = made?.find(({ result, level }) => !level?.undone && (result instanceof Failure || result !== returned));
      if (open) throw forgotten(life.name, open.result);
    },
  };
}

function forgotten(run: string, result: Failure | Refusal): FailureNotThrown | RefusalNotReturned {
  const what = `${run} returned although it had made the`;
  if (result instanceof Refusal) return new RefusalNotReturned(`${what} refusal ${result.name}: write \`return refuse(...)\``);
  return new FailureNotThrown(
    `${what} failure ${result.name}: write \`throw fail(...)\`, or throw it out of a savepoint to continue without that part`,
  );
}
