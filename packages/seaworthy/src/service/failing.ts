import { Failure } from '../client/call.ts';
import type { Lifetime } from '../core/lifetime.ts';
import type { Level } from '../store/store.ts';
import { FailureNotThrown } from './errors.ts';

/** The failures of one run of a handler. */
export interface Failing {
  /** Makes a failure, to be thrown. Throws `RunOver` once the run has ended. */
  readonly fail: <K extends string>(name: K, data?: unknown) => Failure<K>;
  /** Of a run that returned. Throws `FailureNotThrown` when it had made one; those that a savepoint threw are done with. */
  verify(): void;
}

/** Remembers the failures that a run makes; `level` is where it stands in its transaction. */
export function failing(life: Lifetime, level: () => Level | undefined): Failing {
  const made: { readonly name: string; readonly level: Level | undefined }[] = [];
  return {
    fail(name, data) {
      life.check('fail');
      made.push({ name, level: level() });
      return new Failure(name, data);
    },
    verify() {
      const open = made.find((one) => !one.level?.undone);
      if (!open) return;
      throw new FailureNotThrown(
        `${life.name} returned although it had made the failure ${open.name}: write \`throw fail(...)\`; to go on without the part that failed, let a savepoint throw it`,
      );
    },
  };
}
