import { UsageInvalid } from './errors.ts';

/** Parses the value of `--limit`. Throws `UsageInvalid`. */
export function limitOf(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageInvalid(`--limit must be a whole number from 1 to 999999, got ${JSON.stringify(text)}`);
  return Number(text);
}
