import type { At } from '../contract/contract.ts';
import type { Part, Parts } from './part.ts';

type AnyPart = Part<string, unknown, boolean>;

/** One call of an aggregate, and where the results are that its input needs. */
export interface PartCall {
  readonly operation: At;
  readonly input: AnyPart['input'];
  /** Names in the context of `input`, and places in `calls`; each comes before this one. */
  readonly needs: readonly { readonly name: string; readonly place: number }[];
}

/** What an aggregate calls, and which part each call is for. */
export interface CallPlan {
  /** Every one once: `part(...)` and `part(...).optional()` are the same call. */
  readonly calls: readonly PartCall[];
  readonly named: readonly { readonly name: string; readonly place: number; readonly required: boolean }[];
}

/** Finds out what `parts` call, once for all requests. */
export function callPlan(parts: Parts): CallPlan {
  const calls: PartCall[] = [];
  function placeOf({ operation, input, after }: AnyPart): number {
    const known = calls.findIndex((call) => call.operation === operation && call.input === input);
    if (known >= 0) return known;
    const needs = Object.entries(after).map(([name, needed]) => ({ name, place: placeOf(needed) }));
    return calls.push({ operation, input, needs }) - 1;
  }
  const named = Object.entries(parts).map(([name, part]) => ({ name, place: placeOf(part), required: part.required as boolean }));
  return { calls, named };
}
