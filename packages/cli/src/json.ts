import { UsageInvalid } from './errors.ts';

/** JSON that a person gave. Throws `UsageInvalid`, which names where it was given. */
export function parsed(text: string, from: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageInvalid(`${from} is no JSON (${(cause as Error).message})`, { cause });
  }
}
