import type { Keywords } from '../contract/json-schema.ts';
import { unnamed } from './keywords.ts';
import type { Report } from './mismatch.ts';

type Noun = readonly [one: string, several: string];

const counted = (count: number, [one, several]: Noun): string => `${count} ${count === 1 ? one : several}`;

type Ends = readonly [least: number | undefined, most: number | undefined];

/** Compares the bounds on the number of characters, entries or fields. */
function size(
  [least = 0, most = Number.POSITIVE_INFINITY]: Ends,
  [wLeast = 0, wMost = Number.POSITIVE_INFINITY]: Ends,
  noun: Noun,
  report: Report,
): void {
  if (least > wLeast)
    report('minimum size', `must have at least ${counted(least, noun)}`, wLeast === 0 ? 'may have none' : `may have only ${wLeast}`);
  if (most < wMost)
    report(
      'maximum size',
      `must have at most ${counted(most, noun)}`,
      wMost === Number.POSITIVE_INFINITY ? 'may have more' : `may have ${wMost} of them`,
    );
}

/** Compares texts: `reader` must accept every text that `writer` allows. */
export function textLimits(reader: Keywords, writer: Keywords, report: Report): void {
  size([reader.minLength, reader.maxLength], [writer.minLength, writer.maxLength], ['character', 'characters'], report);
  for (const name of ['pattern', 'format'] as const) {
    if (reader[name] === undefined || reader[name] === writer[name]) continue;
    const other = writer.pattern ?? writer.format;
    report(
      name,
      name === 'pattern' ? `must match ${reader[name]}` : `must be a ${reader[name]}`,
      other === undefined ? 'may be any text' : `is bound by ${other}`,
      other === undefined ? 'breaking' : 'undecided',
    );
  }
}

/** Compares numbers: `reader` must accept every number that `writer` allows. */
export function numberLimits(reader: Keywords, writer: Keywords, whole: boolean, report: Report): void {
  const low = Math.max(writer.minimum ?? Number.NEGATIVE_INFINITY, writer.exclusiveMinimum ?? Number.NEGATIVE_INFINITY);
  const high = Math.min(writer.maximum ?? Number.POSITIVE_INFINITY, writer.exclusiveMaximum ?? Number.POSITIVE_INFINITY);
  const openLow = writer.exclusiveMinimum === low;
  const openHigh = writer.exclusiveMaximum === high;
  const lowest = low === Number.NEGATIVE_INFINITY ? 'may be less' : `may be ${openLow ? 'just above ' : ''}${low}`;
  const highest = high === Number.POSITIVE_INFINITY ? 'may be more' : `may be ${openHigh ? 'just below ' : ''}${high}`;
  if (reader.minimum !== undefined && low < reader.minimum) report('minimum', `must be at least ${reader.minimum}`, lowest);
  if (reader.maximum !== undefined && high > reader.maximum) report('maximum', `must be at most ${reader.maximum}`, highest);
  const { exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = reader;
  if (above !== undefined && (low < above || (low === above && !openLow))) report('minimum', `must be more than ${above}`, lowest);
  if (below !== undefined && (high > below || (high === below && !openHigh))) report('maximum', `must be less than ${below}`, highest);
  if (multipleOf === undefined || multipleOf === writer.multipleOf) return;
  const steps = writer.multipleOf ?? (whole ? 1 : undefined);
  const exact = steps !== undefined && Number.isInteger(steps) && Number.isInteger(multipleOf);
  if (exact && steps % multipleOf === 0) return;
  report(
    'multipleOf',
    `must be a multiple of ${multipleOf}`,
    steps === undefined ? 'may be any number' : `may be any multiple of ${steps}`,
    exact || steps === undefined ? 'breaking' : 'undecided',
  );
}

/** Compares lengths of lists: `reader` must accept every length that `writer` allows. */
export function listLimits(reader: Keywords, writer: Keywords, report: Report): void {
  size([reader.minItems, reader.maxItems], [writer.minItems, writer.maxItems], ['entry', 'entries'], report);
  if (reader.uniqueItems && !writer.uniqueItems && (writer.maxItems ?? 2) > 1)
    report('uniqueItems', 'must not have an entry twice', 'may have an entry twice');
}

/** Compares numbers of fields: `reader` must accept every number of fields that `writer` allows. */
export function fieldLimits(reader: Keywords, writer: Keywords, report: Report): void {
  const named = unnamed(writer) !== false ? undefined : Object.keys(writer.properties ?? {}).length;
  const most = Math.min(writer.maxProperties ?? Number.POSITIVE_INFINITY, named ?? Number.POSITIVE_INFINITY);
  const least = Math.max(writer.minProperties ?? 0, writer.required?.length ?? 0);
  size([reader.minProperties, reader.maxProperties], [least, most], ['field', 'fields'], report);
}
