import { type Duration, milliseconds } from 'seaworthy/core';
import type { DeadLetterFilter, Reason } from 'seaworthy/outbox';
import { UsageInvalid } from '../errors.ts';

/** The options that select dead letters. */
export interface FilterOptions {
  readonly type?: string;
  readonly reason?: Reason;
  readonly key?: string;
  readonly olderThan?: string;
}

function durationOf(text: string): Duration {
  try {
    milliseconds(text as Duration, '--older-than');
    return text as Duration;
  } catch (cause) {
    throw new UsageInvalid((cause as Error).message, { cause });
  }
}

/** Makes the filter of the options. Throws `UsageInvalid` when `--older-than` is not a duration. */
export const filterOf = ({ type, reason, key, olderThan }: FilterOptions, ids: readonly string[] = []): DeadLetterFilter => ({
  ...(type !== undefined && { type }),
  ...(reason !== undefined && { reason }),
  ...(key !== undefined && { key }),
  ...(olderThan !== undefined && { olderThan: durationOf(olderThan) }),
  ...(ids.length > 0 && { ids }),
});
