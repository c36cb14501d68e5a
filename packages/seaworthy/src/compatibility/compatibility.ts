import { shapeOf } from '../contract/http.ts';
import type { Node } from '../contract/json-schema.ts';
import { accepts } from './accepts.ts';
import type { ContractLock, LockedContract, LockedEvent, LockedOperation, Sides } from './lock.ts';
import type { Mismatch } from './mismatch.ts';

/** One place where a new version of a contract is incompatible with an old one, or may be. */
export interface Incompatibility {
  /** `orders.placeOrder.input.items[].quantity`. */
  readonly place: string;
  /** What has changed there: `required`, `type`, `minimum`, `removed`, ... */
  readonly rule: string;
  readonly severity: 'breaking' | 'undecided';
  readonly message: string;
  readonly advice: string;
}

type Direction = 'request' | 'answer' | 'kept answer' | 'event' | 'kept event';

/** The wording for recorded answers, which outlive their version: callers of the new version read them too. */
const keptAnswers = 'answers of the old version, which are kept under their idempotency keys and in the journals of sagas,';

/** The message for a mismatch in each direction. */
const messages: Readonly<Record<Direction, (mismatch: Mismatch) => string>> = {
  request: ({ needs, may }) => `it ${needs} now, and what callers of the old version send ${may}`,
  answer: ({ needs, may }) => `it ${may} now, and what callers of the old version read ${needs}`,
  'kept answer': ({ needs, may }) => `it ${needs} now, and in ${keptAnswers} it ${may}`,
  event: ({ needs, may }) => `it ${may} now, and what subscribers of the old version read ${needs}`,
  'kept event': ({ needs, may }) => `it ${needs} now, and in events that are still in flight it ${may}`,
};

const advised = (direction: Direction, { rule }: Mismatch): string => {
  if (rule === 'required' && (direction === 'request' || direction.startsWith('kept'))) return 'make it optional, or give it a default';
  if (direction === 'request') return 'accept the old form too, or offer the new form as another operation';
  if (direction === 'kept answer') return 'accept the answers of the old version too, or offer the new form as another operation';
  if (direction === 'answer') return 'keep the answer of the old version, and add what is new as an optional field or as another operation';
  return 'keep the form, and add what is new as an optional field or as another event';
};

function between(reader: Node, writer: Node, place: string, direction: Direction): readonly Incompatibility[] {
  return accepts(reader, writer).map((mismatch) => ({
    place: `${place}${mismatch.path}`,
    rule: mismatch.rule,
    severity: mismatch.severity,
    message: messages[direction](mismatch),
    advice: advised(direction, mismatch),
  }));
}

const breaking = (place: string, rule: string, message: string, advice: string): Incompatibility => ({
  ...{ place, rule, message, advice },
  severity: 'breaking',
});

/** Compares answers. `kept`: the service gives recorded answers again, as it does for commands. */
function answers(before: Sides | undefined, after: Sides | undefined, place: string, kept: boolean): readonly Incompatibility[] {
  if (!before) {
    if (!after || !kept) return [];
    const message = `the operation answers it now, and ${keptAnswers} do not have it`;
    return [breaking(place, 'added', message, 'offer the new form as another operation')];
  }
  if (!after) return [breaking(place, 'removed', 'it is no longer answered, and callers of the old version read it', 'go on answering it')];
  return [
    ...between(before.reads, after.writes, place, 'answer'),
    ...(kept ? between(after.reads, before.writes, place, 'kept answer') : []),
  ];
}

/** Finds errors that the new version no longer declares, although it may be asked to answer them once more. */
const forgotten = (place: string, before: LockedOperation, after: LockedOperation): readonly Incompatibility[] =>
  Object.keys(before.errors).flatMap((name) =>
    after.errors[name]
      ? []
      : [
          breaking(
            `${place}.errors.${name}`,
            'removed error',
            `it is no longer declared, and ${keptAnswers} may be this error: callers would not know it`,
            'declare it until the kept answers are deleted, after 24 h by default, and remove it in a later version',
          ),
        ],
  );

function operations(place: string, before: LockedOperation, after: LockedOperation | undefined): readonly Incompatibility[] {
  if (!after)
    return [breaking(place, 'removed', 'it is no longer offered', 'keep it until no caller is left, and remove it in a later version')];
  const found: Incompatibility[] = [];
  const kept = before.kind === 'command' && after.kind === 'command';
  if (before.kind !== after.kind)
    found.push(
      breaking(`${place}.kind`, 'kind', `it was a ${before.kind} and is a ${after.kind}`, 'offer the new form as another operation'),
    );
  if (shapeOf(before.http) !== shapeOf(after.http))
    found.push(breaking(`${place}.http`, 'http', `it was ${before.http} and is ${after.http}`, 'keep method and path'));
  if (before.status !== after.status)
    found.push(breaking(`${place}.status`, 'status', `success was ${before.status} and is ${after.status}`, 'keep the status'));
  if (before.location !== undefined && after.location === undefined)
    found.push(breaking(`${place}.location`, 'location', 'the header `Location` is no longer answered', 'go on answering it'));
  found.push(
    ...between(after.input, before.input, `${place}.input`, 'request'),
    ...answers(before.output, after.output, `${place}.output`, kept),
  );
  for (const [name, error] of Object.entries(after.errors)) {
    const known = before.errors[name];
    const at = `${place}.errors.${name}`;
    if (!known)
      found.push(
        breaking(
          at,
          'new error',
          'callers of the old version do not know it: the outcome is unknown to them, and a saga repeats the step before it is undone',
          'refuse with an error that they know, or deploy all callers before the service',
        ),
      );
    else {
      if (known.status !== error.status)
        found.push(breaking(`${at}.status`, 'status', `it was ${known.status} and is ${error.status}`, 'keep the status'));
      found.push(...answers(known.data, error.data, `${at}.data`, kept));
    }
  }
  if (kept) found.push(...forgotten(place, before, after));
  return found;
}

function events(place: string, before: LockedEvent, after: LockedEvent | undefined): readonly Incompatibility[] {
  if (!after)
    return [
      breaking(place, 'removed', 'it is no longer published', 'publish it until no subscriber is left, and remove it in a later version'),
    ];
  const found: Incompatibility[] = [];
  if (before.key !== after.key)
    found.push(
      breaking(`${place}.key`, 'key', `order was kept for each ${before.key}, and is kept for each ${after.key} now`, 'keep the key'),
    );
  found.push(
    ...between(before.data, after.data, `${place}.data`, 'event'),
    ...between(after.data, before.data, `${place}.data`, 'kept event'),
  );
  return found;
}

/** Finds what of one contract is incompatible with its old version. */
function contracts(name: string, before: LockedContract, after: LockedContract | undefined): readonly Incompatibility[] {
  if (!after) return [breaking(name, 'removed', 'the contract no longer exists', 'keep it until no caller and no subscriber is left')];
  return [
    ...Object.entries(before.operations).flatMap(([member, old]) => operations(`${name}.${member}`, old, after.operations[member])),
    ...Object.entries(before.events).flatMap(([member, old]) => events(`${name}.${member}`, old, after.events[member])),
  ];
}

/**
 * Compares two versions of contracts. The new version must accept requests of the old one, and the old version must be able to read
 * answers and events of the new one; the new version must also be able to read events in flight and recorded answers of commands.
 * A rule that JSON Schema cannot express, such as one in code, is not compared; a place that the check cannot judge is `undecided`.
 */
export const compatibility = (before: ContractLock, after: ContractLock): readonly Incompatibility[] =>
  Object.entries(before.contracts).flatMap(([name, old]) => contracts(name, old, after.contracts[name]));
