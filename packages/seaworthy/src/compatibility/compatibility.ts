import { shapeOf } from '../contract/http.ts';
import type { Node } from '../contract/json-schema.ts';
import { accepts } from './accepts.ts';
import type { ContractLock, LockedContract, LockedEvent, LockedOperation, Sides } from './lock.ts';
import type { Misfit } from './misfit.ts';

/** One way in which a new version of a contract breaks with an old one, or may. */
export interface Incompatibility {
  /** `orders.placeOrder.input.items[].quantity`. */
  readonly place: string;
  /** What was changed there: `required`, `type`, `minimum`, `removed`, ... */
  readonly rule: string;
  readonly verdict: 'breaking' | 'cannot tell';
  readonly message: string;
  readonly advice: string;
}

type Direction = 'request' | 'answer' | 'kept answer' | 'event' | 'kept event';

/** Answers outlive the version that gave them: those who have the new one read them, too. */
const keptAnswers = 'answers of the old version, which are kept under their idempotency keys and in the journals of sagas,';

/** What each finding of a schema means to those who have the old version. */
const told: Readonly<Record<Direction, (misfit: Misfit) => string>> = {
  request: ({ needs, may }) => `it ${needs} now, and what callers of the old version send ${may}`,
  answer: ({ needs, may }) => `it ${may} now, and what callers of the old version read ${needs}`,
  'kept answer': ({ needs, may }) => `it ${needs} now, and in ${keptAnswers} it ${may}`,
  event: ({ needs, may }) => `it ${may} now, and what subscribers of the old version read ${needs}`,
  'kept event': ({ needs, may }) => `it ${needs} now, and in events that are still on their way it ${may}`,
};

const advised = (direction: Direction, { rule }: Misfit): string => {
  if (rule === 'required' && (direction === 'request' || direction.startsWith('kept'))) return 'make it optional, or give it a default';
  if (direction === 'request') return 'accept the old form too, or offer the new one as another operation';
  if (direction === 'kept answer') return 'read what the old version answered, too, or offer the new one as another operation';
  if (direction === 'answer') return 'answer what the old version promised, and add what is new as an optional field or another operation';
  return 'keep the form, and add what is new as an optional field or as another event';
};

function between(reader: Node, writer: Node, place: string, direction: Direction): readonly Incompatibility[] {
  return accepts(reader, writer).map((misfit) => ({
    place: `${place}${misfit.path}`,
    rule: misfit.rule,
    verdict: misfit.verdict,
    message: told[direction](misfit),
    advice: advised(direction, misfit),
  }));
}

const breaking = (place: string, rule: string, message: string, advice: string): Incompatibility => ({
  ...{ place, rule, message, advice },
  verdict: 'breaking',
});

/** `kept`: answers are given again, as those of commands are. */
function answers(before: Sides | undefined, after: Sides | undefined, place: string, kept: boolean): readonly Incompatibility[] {
  if (!before) {
    if (!after || !kept) return [];
    const message = `it is answered now, and ${keptAnswers} have none`;
    return [breaking(place, 'added', message, 'offer the new one as another operation')];
  }
  if (!after)
    return [breaking(place, 'removed', 'nothing is answered any more, and callers of the old version read it', 'go on answering it')];
  return [
    ...between(before.reads, after.writes, place, 'answer'),
    ...(kept ? between(after.reads, before.writes, place, 'kept answer') : []),
  ];
}

/** Errors that the new version does not declare any more, although it may be asked to answer them once more. */
const forgotten = (place: string, before: LockedOperation, after: LockedOperation): readonly Incompatibility[] =>
  Object.keys(before.errors).flatMap((name) =>
    after.errors[name]
      ? []
      : [
          breaking(
            `${place}.errors.${name}`,
            'removed error',
            `it is not declared any more, and ${keptAnswers} may be it: nobody would know it`,
            'go on declaring it until those are forgotten, after 24 h by default, and remove it in a later version',
          ),
        ],
  );

function operations(place: string, before: LockedOperation, after: LockedOperation | undefined): readonly Incompatibility[] {
  if (!after)
    return [breaking(place, 'removed', 'it is not offered any more', 'keep it until nobody calls it, and remove it in a later version')];
  const found: Incompatibility[] = [];
  const kept = before.kind === 'command' && after.kind === 'command';
  if (before.kind !== after.kind)
    found.push(
      breaking(`${place}.kind`, 'kind', `it was a ${before.kind} and is a ${after.kind}`, 'offer the new one as another operation'),
    );
  if (shapeOf(before.http) !== shapeOf(after.http))
    found.push(breaking(`${place}.http`, 'http', `it was ${before.http} and is ${after.http}`, 'keep method and path'));
  if (before.status !== after.status)
    found.push(breaking(`${place}.status`, 'status', `success was ${before.status} and is ${after.status}`, 'keep the status'));
  if (before.location !== undefined && after.location === undefined)
    found.push(breaking(`${place}.location`, 'location', 'the header `Location` is not answered any more', 'go on answering it'));
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
          'callers of the old version do not know it: to them the outcome is unknown, and a saga repeats the step before it is undone',
          'refuse with an error that they know, or deploy all callers before the service answers it',
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
      breaking(
        place,
        'removed',
        'it is not published any more',
        'go on publishing it until nobody hears it, and remove it in a later version',
      ),
    ];
  const found: Incompatibility[] = [];
  if (before.key !== after.key)
    found.push(
      breaking(`${place}.key`, 'key', `order was kept among equal ${before.key}, and is among equal ${after.key}`, 'keep the key'),
    );
  found.push(
    ...between(before.data, after.data, `${place}.data`, 'event'),
    ...between(after.data, before.data, `${place}.data`, 'kept event'),
  );
  return found;
}

/** What of one contract breaks with its old version. */
function contracts(name: string, before: LockedContract, after: LockedContract | undefined): readonly Incompatibility[] {
  if (!after) return [breaking(name, 'removed', 'there is no such contract any more', 'keep it until nobody uses it')];
  return [
    ...Object.entries(before.operations).flatMap(([member, old]) => operations(`${name}.${member}`, old, after.operations[member])),
    ...Object.entries(before.events).flatMap(([member, old]) => events(`${name}.${member}`, old, after.events[member])),
  ];
}

/**
 * Compares two versions of contracts: requests of old callers must be accepted, answers and events must be readable by those
 * who have the old version, and events that are still on their way and answers of commands that are kept by those who have the new one. What JSON Schema cannot
 * say, such as a rule in code, is not compared; what the check cannot judge it says.
 */
export const compatibility = (before: ContractLock, after: ContractLock): readonly Incompatibility[] =>
  Object.entries(before.contracts).flatMap(([name, old]) => contracts(name, old, after.contracts[name]));
