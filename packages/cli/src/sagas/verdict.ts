import { resolveStuck, type Verdict } from 'seaworthy/saga';
import { dryRun } from '../dry-run.ts';
import { UsageInvalid } from '../errors.ts';
import { parseInput } from '../json.ts';
import { shownResult } from '../secrets.ts';
import { onStores, type Where } from '../stores.ts';
import { paint, print, printJson } from '../terminal.ts';
import { findSaga } from './find-saga.ts';
import { operatorOf } from './operator.ts';

const meaning: Readonly<Record<Verdict['kind'], string>> = {
  retry: 'its undo would be retried',
  skip: 'its undo would be skipped, and the steps before it undone',
  result: 'its undo would be retried with this result',
};

/** Gives a verdict on a stuck saga. Without `--yes` it only prints what it would do. */
export async function verdict(
  id: string,
  kind: Verdict['kind'],
  result: string | undefined,
  options: Where & { readonly yes?: boolean; readonly by?: string; readonly json?: boolean },
): Promise<void> {
  if ((kind === 'result') !== (result !== undefined))
    throw new UsageInvalid(
      kind === 'result'
        ? 'the verdict result was given without a result; it needs what the step returned: run seaworthy sagas verdict ID result JSON'
        : `the verdict ${kind} was given a result; only the verdict result has one: leave the JSON out`,
    );
  const given: Verdict = kind === 'result' ? { kind, result: parseInput(result as string, 'the result') } : { kind };
  await onStores(options, async (stores, runtime) => {
    const { at, instance } = await findSaga(stores, id);
    const stuck = instance.journal.find(({ state }) => state === 'stuck');
    if (options.yes || instance.state !== 'stuck') await resolveStuck(at.store, runtime, id, given, { by: operatorOf(options) });
    const shown = given.kind === 'result' ? { kind, result: shownResult(at.service, instance, given.result) } : given;
    if (options.json) return printJson({ id, service: at.name, step: stuck?.step, verdict: shown, done: options.yes === true });
    print(`${instance.name} ${instance.key} is stuck at ${paint('bold', stuck?.step ?? '?')}: ${instance.error ?? 'its undo failed'}`);
    if (options.yes)
      print('the verdict is given: a running fleet continues with it within seconds, otherwise the next fleet does when it starts');
    else dryRun(meaning[kind]);
  });
}
