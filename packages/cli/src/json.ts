import { parseJson } from 'seaworthy/core';
import { UsageInvalid } from './errors.ts';

/** Parses JSON that a person gave. Throws `UsageInvalid`, which names where it was given. */
export function parsed(text: string, from: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new UsageInvalid(`${from} is not JSON (${(cause as Error).message})`, { cause });
  }
}
