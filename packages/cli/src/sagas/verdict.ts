import { resolveStuck, type Verdict } from 'seaworthy/saga';
import { UsageInvalid } from '../errors.ts';
import { parseInput } from '../json.ts';
import { shownResult } from '../secrets.ts';
import { onStores, type Where } from '../stores.ts';
import { paint, print, printJson } from '../terminal.ts';
import { found } from './found.ts';
import { who } from './who.ts';

const meaning: Readonly<Record<Verdict['kind'], string>> = {
  retry: 'its undo would be tried again',
  skip: 'its undo would be given up, and those of the steps before it go on',
  result: 'its undo would be tried again, and told this result',
};

/** Gives a verdict, or says what it would do. */
export async function verdict(
  id: string,
  kind: Verdict['kind'],
  result: string | undefined,
  options: Where & { readonly yes?: boolean; readonly by?: string; readonly json?: boolean },
): Promise<void> {
  if ((kind === 'result') !== (result !== undefined))
    throw new UsageInvalid(
      kind === 'result'
        ? 'say what the step had given, as JSON: seaworthy sagas verdict ID result JSON'
        : `the verdict ${kind} takes no result`,
    );
  const given: Verdict = kind === 'result' ? { kind, result: parseInput(result as string, 'the result') } : { kind };
  await onStores(options, async (stores, runtime) => {
    const { at, instance } = await found(stores, id);
    const stuck = instance.journal.find(({ state }) => state === 'stuck');
    if (options.yes || instance.state !== 'stuck') await resolveStuck(at.store, runtime, id, given, { by: who(options) });
    const shown = given.kind === 'result' ? { kind, result: shownResult(at.service, instance, given.result) } : given;
    if (options.json) return printJson({ id, service: at.name, step: stuck?.step, verdict: shown, done: options.yes === true });
    print(`${instance.name} ${instance.key} is stuck at ${paint('bold', stuck?.step ?? '?')}: ${instance.error ?? 'its undo failed'}`);
    if (options.yes) print('the verdict is given: a fleet that runs goes on with it within seconds, otherwise the next one');
    else print(`${meaning[kind]}; ${paint('bold', 'nothing was changed')}: add --yes to do it`);
  });
}
