import { type CrashPoint, crashPoints } from '../core/crash.ts';
import { SeaworthyError } from '../core/errors.ts';

/** The name is not a crash point; the message lists all of them. */
export class CrashPointUnknown extends SeaworthyError {
  readonly code = 'SW_CRASH_POINT_UNKNOWN';
  readonly kind = 'invalid';
}

/**
 * Makes a function that kills its own process (SIGKILL) at a crash point: `'relay/publish/after'` the first time, `'relay/publish/after:7'`
 * the seventh. Give the result to a runtime as `reached`. Throws `CrashPointUnknown`.
 */
export function crashAt(where: string): (point: CrashPoint) => void {
  const [name, times = '1'] = where.split(':');
  if (!crashPoints.some((point) => point === name) || !/^[1-9]\d{0,8}$/.test(times)) {
    throw new CrashPointUnknown(
      `${JSON.stringify(where)} is not a crash point: use one of ${crashPoints.join(', ')}, with :N for the Nth time`,
    );
  }
  let left = Number(times);
  return (point) => {
    if (point === name && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
