import { randomFillSync } from 'node:crypto';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { Random } from './random.ts';

/** The source of ids of events, calls and sagas. */
export interface Ids {
  /** Returns a UUID of version 7 (RFC 9562): unique, and ordered by time to the millisecond. */
  next(): string;
}

/** Each byte as two hexadecimal digits. */
export const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Makes a UUID from the 16 random bytes that begin at `from`, and overwrites some of them. */
function uuid7(ms: number, bytes: Uint8Array, from: number): string {
  for (let i = 5, rest = ms; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[from + i] = rest % 256;
  bytes[from + 6] = ((bytes[from + 6] as number) & 0x0f) | 0x70;
  bytes[from + 8] = ((bytes[from + 8] as number) & 0x3f) | 0x80;
  let text = '';
  for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? '-' : '') + hex[bytes[from + i] as number];
  return text;
}

/** Returns a text that sorts before every id that was made at `ms` or later. */
export const idsFrom = (ms: number): string => {
  const hexMs = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${hexMs.slice(0, 8)}-${hexMs.slice(8)}`;
};

// A call for random bytes costs far more than the bytes, so that one call fills a pool.
const pool = new Uint8Array(16 * 256);
let used = pool.length;

/** Makes ids from the machine's clock and its cryptographic randomness. */
export const systemIds: Ids = {
  next() {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += 16;
    return uuid7(systemClock.now(), pool, used - 16);
  },
};

/** Makes ids that a given clock and randomness determine, for runs that must repeat. */
export function seededIds(clock: Clock, random: Random): Ids {
  const bytes = new Uint8Array(16);
  return {
    next() {
      for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random.next() * 256);
      return uuid7(clock.now(), bytes, 0);
    },
  };
}
