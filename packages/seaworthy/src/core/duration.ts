import { SeaworthyError } from './errors.ts';

/** A length of time with its unit: `'250ms'`, `'2s'`, `'1.5m'`, `'24h'`, `'7d'`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const shape = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** The longest duration in milliseconds: a hundred years. */
export const longestMs = 36_500 * 86_400_000;

/** A duration that has no unit, is negative, is longer than a hundred years, or is not a duration at all. */
export class DurationInvalid extends SeaworthyError {
  readonly code = 'SW_DURATION_INVALID';
  readonly kind = 'invalid';
}

/**
 * Converts a duration to milliseconds. `where` names the option in the message. Throws `DurationInvalid` for a duration that has no
 * unit, is negative or is longer than `'36500d'`.
 */
export function milliseconds(duration: Duration, where = 'duration'): number {
  const match = typeof duration === 'string' ? shape.exec(duration) : null;
  if (!match)
    throw new DurationInvalid(`${where} is ${JSON.stringify(duration)}: write a number and a unit (ms, s, m, h or d), such as '2s'`);
  const ms = Number(match[1]) * units[match[2] as keyof typeof units];
  if (ms > longestMs)
    throw new DurationInvalid(`${where} is ${duration.slice(0, 40)}, longer than a hundred years: write at most '36500d'`);
  return ms;
}

/** Converts whole milliseconds to a duration in the largest unit that needs no fraction. */
export function durationOf(ms: number): Duration {
  const [unit = 'ms'] = (['d', 'h', 'm', 's'] as const).filter((one) => ms >= units[one] && ms % units[one] === 0);
  return `${ms / units[unit]}${unit}`;
}
