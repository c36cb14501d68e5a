import { isOf, type Keywords, type Node, typeOf } from '../contract/json-schema.ts';
import { equal, includes, listed, typesIn, unjudged } from './keywords.ts';

type Judgement = boolean | undefined;

/** The judgement that all of several hold: one `false` decides it, and otherwise one `undefined` leaves it open. */
const every = (judgements: readonly Judgement[]): Judgement =>
  judgements.includes(false) ? false : judgements.includes(undefined) ? undefined : true;

/** The judgement that at least one of several holds. */
const some = (judgements: readonly Judgement[]): Judgement =>
  judgements.includes(true) ? true : judgements.includes(undefined) ? undefined : false;

function text(node: Keywords, value: string): Judgement {
  const { length } = [...value];
  if (length < (node.minLength ?? 0) || length > (node.maxLength ?? Number.POSITIVE_INFINITY)) return false;
  if (node.pattern !== undefined) {
    try {
      if (!new RegExp(node.pattern, 'u').test(value)) return false;
    } catch {
      return undefined; // JavaScript cannot read the pattern, so that the value is undecided
    }
  }
  return node.format === undefined ? true : undefined;
}

function number(node: Keywords, value: number): Judgement {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = node;
  if (minimum !== undefined && value < minimum) return false;
  if (maximum !== undefined && value > maximum) return false;
  if (above !== undefined && value <= above) return false;
  if (below !== undefined && value >= below) return false;
  if (multipleOf === undefined || value === 0) return true;
  return Number.isInteger(multipleOf) && Number.isInteger(value) ? value % multipleOf === 0 : undefined;
}

/**
 * Tells whether a schema accepts one value; `undefined` when that is undecided. Lists and objects are judged by their type alone.
 * Calls `step` once for each schema within it.
 */
export function acceptsValue(given: Node, value: unknown, resolve: (node: Node) => Node, step: () => void = () => {}): Judgement {
  const known = new Map<Node, Judgement>();
  const type = typeOf(value);
  function judge(inner: Node): Judgement {
    const node = resolve(inner);
    if (typeof node === 'boolean') return node;
    if (known.has(node)) return known.get(node);
    step();
    // The result is undecided while it is computed, so that a recursive schema ends.
    known.set(node, undefined);
    const judgements: Judgement[] = [];
    if (node.type !== undefined) judgements.push(isOf(type, typesIn(node)));
    if ('const' in node) judgements.push(equal(node.const, value));
    if (node.enum) judgements.push(includes(node.enum, value));
    if (node.anyOf) judgements.push(some(node.anyOf.map(judge)));
    if (node.allOf) judgements.push(every(node.allOf.map(judge)));
    if (node.oneOf) {
      const each = node.oneOf.map(judge);
      judgements.push(
        each.includes(undefined) ? (each.every((one) => one === false) ? false : undefined) : each.filter(Boolean).length === 1,
      );
    }
    if (node.not !== undefined) {
      const negated = judge(node.not);
      judgements.push(negated === undefined ? undefined : !negated);
    }
    if (unjudged(node).length > 0) judgements.push(undefined);
    if (typeof value === 'string') judgements.push(text(node, value));
    if (typeof value === 'number') judgements.push(number(node, value));
    if (typeof value === 'object' && value !== null && !listed(node)) judgements.push(undefined);
    const judgement = every(judgements);
    known.set(node, judgement);
    return judgement;
  }
  return judge(given);
}
