import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { diffArrays } from 'diff';
import { type Event, messageRedactor, unredact } from 'seaworthy/contract';
import { UsageInvalid } from '../errors.ts';
import { parsed } from '../json.ts';
import { heard, shownData, shownLetter } from '../secrets.ts';
import type { Where } from '../stores.ts';
import { paint, print, printJson } from '../terminal.ts';
import { found, onBoxes } from './boxes.ts';
import { dry } from './dry.ts';

const mostIssues = 20;

/** Throws `UsageInvalid` when the data break the contract of the event; the message does not quote the secrets in them. */
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

/** Replaces the data of one dead letter, or says what would change. */
export async function edit(
  id: string,
  options: Where & { readonly data?: string; readonly file?: string; readonly yes?: boolean; readonly json?: boolean },
): Promise<void> {
  const { data: text, file, yes } = options;
  if ((text === undefined) === (file === undefined))
    throw new UsageInvalid('say what its data shall be: either --data JSON or --file FILE (- for standard input)');
  const given = text !== undefined ? parsed(text, '--data') : parsed(readText(file as string), file as string);
  await onBoxes(options, async (boxes) => {
    const { box, letter } = await found(boxes, id);
    const event = heard(box.service, letter.type);
    // What was shown as `***` and is given back so stays what it was.
    const data = event && letter.envelope ? unredact(event.data, given, letter.envelope.data) : given;
    if (event) await refuseInvalid(event, letter.type, data);
    if (yes) await box.letters.edit(id, data);
    const kept = shownLetter(box.service, letter);
    const [before, after] = [kept.envelope ? kept.envelope.data : kept.text, shownData(box.service, letter.type, data)];
    if (options.json) return printJson({ id, service: box.name, before, after, done: yes === true });
    const lines = (value: unknown): string[] => JSON.stringify(value, null, 2).split('\n');
    for (const { value, added, removed } of diffArrays(lines(before), lines(after))) {
      for (const line of value) print(added ? paint('green', `+ ${line}`) : removed ? paint('red', `- ${line}`) : `  ${line}`);
    }
    if (!isDeepStrictEqual(after, data))
      print(paint('dim', 'secrets are shown as ***; where *** was given they stay as they are, any other value takes their place'));
    if (!event) print(paint('yellow', `nobody in ${box.name} hears ${letter.type} any more: a redrive would bury it again`));
    if (yes) print(`${id} is edited; redrive it with: seaworthy dead-letters redrive ${id} --yes`);
    else dry(`the data of ${id} would become this`);
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new UsageInvalid(`${file} cannot be read (${(cause as Error).message})`, { cause });
  }
}
