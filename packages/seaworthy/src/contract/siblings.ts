import { httpParts } from './http.ts';
import type { Operation } from './member.ts';

/** An operation that a server prefers to another one of the same contract, for some of the other's paths. */
interface Sibling {
  readonly name: string;
  readonly segments: readonly string[];
}

const isParam = (segment: string): boolean => segment.startsWith('{');

/** Tells whether both match some path and a server prefers the first, whose segment is literal where the other has a parameter. */
function isPreferred(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  const differs = one.map((segment, index) => {
    const open = isParam(segment);
    return open === isParam(other[index] as string) ? (open || segment === other[index] ? 'no' : 'apart') : open ? 'other' : 'one';
  });
  return !differs.includes('apart') && differs.find((where) => where !== 'no') === 'one';
}

const preferred = new WeakMap<object, readonly Sibling[]>();

/** Notes which operations of one contract a server prefers to which others. */
export function notePreferences(operations: readonly (Operation & { readonly name: string })[]): void {
  const all = operations.map((operation) => {
    const { method, path } = httpParts(operation.http);
    return { operation, method, name: operation.name, segments: path.split('/') };
  });
  for (const { operation, method, segments } of all) {
    const before = all.filter((other) => other.method === method && isPreferred(other.segments, segments));
    if (before.length > 0) preferred.set(operation, before);
  }
}

/** Names the operation that would get a request for `path` instead of this one, if there is one. */
export function takenBy(operation: Operation, path: string): string | undefined {
  const siblings = preferred.get(operation);
  if (!siblings) return undefined;
  const segments = path.split('/');
  return siblings.find((sibling) => sibling.segments.every((segment, index) => isParam(segment) || segment === segments[index]))?.name;
}
