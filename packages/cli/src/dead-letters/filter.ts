import { type Duration, milliseconds } from 'seaworthy/core';
import type { DeadLetterFilter, Reason } from 'seaworthy/outbox';
import { UsageInvalid } from '../errors.ts';

/** The options that choose among dead letters. */
export interface Filtering {
  readonly type?: string;
  readonly reason?: Reason;
  readonly key?: string;
  readonly olderThan?: string;
}

function durationOf(text: string): Duration {
  try {
    milliseconds(text as Duration);
    return text as Duration;
  } catch (cause) {
    throw new UsageInvalid(`--older-than is ${JSON.stringify(text)}: it takes a number and a unit, such as '2h'`, { cause });
  }
}

/** Throws `UsageInvalid` for what is no duration. */
export const filterOf = ({ type, reason, key, olderThan }: Filtering, ids: readonly string[] = []): DeadLetterFilter => ({
  ...(type !== undefined && { type }),
  ...(reason !== undefined && { reason }),
  ...(key !== undefined && { key }),
  ...(olderThan !== undefined && { olderThan: durationOf(olderThan) }),
  ...(ids.length > 0 && { ids }),
});
