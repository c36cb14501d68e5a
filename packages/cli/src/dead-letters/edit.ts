import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { diffArrays } from 'diff';
import { type Event, messageRedactor, unredact } from 'seaworthy/contract';
import { dryRun } from '../dry-run.ts';
import { UsageInvalid } from '../errors.ts';
import { parseInput } from '../json.ts';
import { handledEvent, shownData, shownLetter } from '../secrets.ts';
import type { Where } from '../stores.ts';
import { paint, print, printJson } from '../terminal.ts';
import { findDeadLetter, onDeadLetterStores } from './dead-letter-stores.ts';

const mostIssues = 20;

/** Throws `UsageInvalid` when the data break the contract of the event; the message does not quote secrets. */
async function refuseInvalid(event: Event, type: string, data: unknown): Promise<void> {
  const { issues = [] } = await event.data['~standard'].validate(data);
  if (issues.length === 0) return;
  const redacted = messageRedactor(event.data, data);
  const step = (part: unknown): string => String(typeof part === 'object' && part !== null && 'key' in part ? part.key : part);
  const said = issues.slice(0, mostIssues).map(({ path = [], message }) => {
    const place = path.map(step).join('.');
    return `${place}: ${redacted(place, message)}`;
  });
  throw new UsageInvalid(`the data breaks the contract of ${type} (${said.join('; ')}): correct it`);
}

/** Replaces the data of one dead letter, or prints what would change. */
export async function edit(
  id: string,
  options: Where & { readonly data?: string; readonly file?: string; readonly yes?: boolean; readonly json?: boolean },
): Promise<void> {
  const { data: text, file, yes } = options;
  if ((text === undefined) === (file === undefined))
    throw new UsageInvalid('give the new data with either --data JSON or --file FILE (- for standard input)');
  const given = text !== undefined ? parseInput(text, '--data') : parseInput(readText(file as string), file as string);
  await onDeadLetterStores(options, async (stores) => {
    const { store, letter } = await findDeadLetter(stores, id);
    const event = handledEvent(store.service, letter.type);
    // A secret that is given as `***`, as it was shown, keeps its value.
    const data = event && letter.envelope ? unredact(event.data, given, letter.envelope.data) : given;
    if (event) await refuseInvalid(event, letter.type, data);
    if (yes) await store.letters.edit(id, data);
    const kept = shownLetter(store.service, letter);
    const [before, after] = [kept.envelope ? kept.envelope.data : kept.text, shownData(store.service, letter.type, data)];
    if (options.json) return printJson({ id, service: store.name, before, after, done: yes === true });
    const lines = (value: unknown): string[] => JSON.stringify(value, null, 2).split('\n');
    for (const { value, added, removed } of diffArrays(lines(before), lines(after))) {
      for (const line of value) print(added ? paint('green', `+ ${line}`) : removed ? paint('red', `- ${line}`) : `  ${line}`);
    }
    if (!isDeepStrictEqual(after, data))
      print(paint('dim', 'secrets are shown as ***; a *** in the new data keeps the secret, any other value replaces it'));
    if (!event) print(paint('yellow', `${store.name} has no handler for ${letter.type} any more: a redrive would dead-letter it again`));
    if (yes) print(`edited ${id}; redrive it with: seaworthy dead-letters redrive ${id} --yes`);
    else dryRun(`the data of ${id} would be replaced as shown`);
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new UsageInvalid(`${file} cannot be read (${(cause as Error).message})`, { cause });
  }
}
