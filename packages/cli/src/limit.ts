import { UsageInvalid } from './errors.ts';

/** The number of `--limit`. Throws `UsageInvalid`. */
export function limitOf(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageInvalid(`--limit is ${JSON.stringify(text)}: it takes a number from 1 to 999999`);
  return Number(text);
}
