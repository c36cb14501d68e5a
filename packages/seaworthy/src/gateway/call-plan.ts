import type { Bound } from '../contract/contract.ts';
import type { Part, Parts } from './part.ts';

type AnyPart = Part<string, unknown, boolean>;

/** One call of an aggregate, and the earlier calls whose results its input needs. */
export interface PartCall {
  readonly operation: Bound;
  readonly input: AnyPart['input'];
  /** Names in the context of `input`, and indexes in `calls`; each comes before this one. */
  readonly needs: readonly { readonly name: string; readonly index: number }[];
}

/** The calls of an aggregate, and the part that each call is for. */
export interface CallPlan {
  /** Each call once: `part(...)` and `part(...).optional()` are the same call. */
  readonly calls: readonly PartCall[];
  readonly named: readonly { readonly name: string; readonly index: number; readonly required: boolean }[];
}

/** Makes the plan of an aggregate, once for all requests. */
export function callPlan(parts: Parts): CallPlan {
  const calls: PartCall[] = [];
  function indexOf({ operation, input, after }: AnyPart): number {
    const known = calls.findIndex((call) => call.operation === operation && call.input === input);
    if (known >= 0) return known;
    const needs = Object.entries(after).map(([name, needed]) => ({ name, index: indexOf(needed) }));
    return calls.push({ operation, input, needs }) - 1;
  }
  const named = Object.entries(parts).map(([name, part]) => ({ name, index: indexOf(part), required: part.required as boolean }));
  return { calls, named };
}
