import { SeaworthyError } from '../core/errors.ts';
import { readSome } from '../store/read-some.ts';
import type { Read } from '../store/store.ts';
import type { Instance } from './journal.ts';
import { sagaColumns, shownOf } from './row.ts';
import type { AnySaga } from './saga.ts';
import { open } from './tables.ts';

/** Live instances that this code cannot carry on; the message names them and what is missing. */
export class SagaStranded extends SeaworthyError {
  readonly code = 'SW_SAGA_STRANDED';
  readonly kind = 'invalid';
}

/** What of a definition an instance depends on: names, kinds and order of its steps, and which can be undone. */
export function planOf({ steps }: AnySaga): string {
  let plan = plans.get(steps);
  if (plan === undefined) {
    plan = steps.map(({ kind, name, step }) => `${kind} ${name}${step.undo ? ' undo' : ''}`).join(', ');
    plans.set(steps, plan);
  }
  return plan;
}
const plans = new WeakMap<AnySaga['steps'], string>();

/** Whether the instances of `plan` are as `saga` is: then it can carry on each of them, whatever it holds. */
export const isPlanOf = (saga: AnySaga | undefined, plan: string): boolean => saga !== undefined && planOf(saga) === plan;

/** A step as it was in the code that last wrote an instance. */
export interface PlannedStep {
  readonly kind: 'local' | 'remote';
  readonly name: string;
  /** It can be undone. */
  readonly undo: boolean;
}

/** The steps of an instance, in order: those that it has begun, and those ahead. */
export const plannedSteps = ({ plan }: Pick<Instance, 'plan'>): readonly PlannedStep[] =>
  plan === ''
    ? []
    : plan.split(', ').map((planned) => {
        const [kind, name, undo] = planned.split(' ');
        return { kind: kind as PlannedStep['kind'], name: name as string, undo: undo !== undefined };
      });

/**
 * Why `saga` cannot carry on `instance`, if it cannot. The steps that the instance has begun must be the first ones of the
 * definition, in the same order: steps may be added, changed or removed behind them, but not before or among them. One that
 * may have to be undone, or run again, keeps its kind, and its undo if it had one.
 */
export function incompatibility(saga: AnySaga | undefined, instance: Instance): string | undefined {
  if (!saga) return 'there is no such saga any more';
  if (planOf(saga) === instance.plan) return undefined;
  const planned = plannedSteps(instance);
  for (const [index, { step, state }] of instance.journal.entries()) {
    const now = saga.steps[index];
    if (!now) return `its step ${step} is gone`;
    if (now.name !== step) return `its step ${index + 1} was ${step} and is ${now.name} now`;
    if (state !== 'done' && state !== 'intended' && state !== 'stuck') continue;
    const { kind, undo } = planned[index] as PlannedStep;
    if (undo && !now.step.undo) return `its step ${step} can no longer be undone`;
    const needed = state === 'intended' || now.step.undo !== undefined;
    if (needed && now.kind !== kind) return `its step ${step} was ${kind} and is ${now.kind} now`;
  }
  return undefined;
}

const page = { rows: 16, bytes: 2 ** 22 };
const shownAtMost = 10;

/**
 * Throws `SagaStranded` when a live or stuck instance would be stranded by this code. Instances of a definition that has not changed
 * are not even read, the others a few at a time, since each may be large. One that cannot be read is told of when its turn comes.
 */
export async function verifyVersions(read: Read, sagas: readonly AnySaga[]): Promise<void> {
  const stranded: string[] = [];
  let count = 0;
  for (const row of await read.all(`select distinct name, plan from sw_saga where ${open}`)) {
    const [name, plan] = [String(row['name']), String(row['plan'])];
    const saga = sagas.find((one) => one.name === name);
    if (isPlanOf(saga, plan)) continue;
    for (let [after, more] = ['', true]; more; ) {
      const from = `sw_saga where ${open} and name = ? and plan = ? and id > ? order by id`;
      const some = await readSome(
        read,
        { columns: sagaColumns, size: 'octet_length(input) + octet_length(journal)', from, values: [name, plan, after] },
        page,
      );
      const { rows } = some;
      for (const instance of rows.map(shownOf)) {
        const why = instance.unreadable === undefined ? incompatibility(saga, instance) : undefined;
        if (why === undefined) continue;
        count++;
        if (stranded.length < shownAtMost) stranded.push(`${name} ${instance.key} (${instance.id}): ${why}`);
      }
      after = String(rows.at(-1)?.['id']);
      more = some.more;
    }
  }
  if (count === 0) return;
  throw new SagaStranded(
    `${count} live sagas cannot be carried on by this code: ${stranded.join('; ')}${count > shownAtMost ? '; ...' : ''}. Run the code that began them until they have ended, or keep their steps as they were`,
  );
}
