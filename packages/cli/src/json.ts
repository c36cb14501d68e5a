import { parseJson } from 'seaworthy/core';
import { UsageInvalid } from './errors.ts';

/** Parses JSON that the user gave. Throws `UsageInvalid`, which names where it came from. */
export function parseInput(text: string, from: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new UsageInvalid(`${from} is not JSON (${(cause as Error).message})`, { cause });
  }
}
