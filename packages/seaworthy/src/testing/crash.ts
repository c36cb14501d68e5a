import { type CrashPoint, crashPoints } from '../core/crash.ts';
import { SeaworthyError } from '../core/errors.ts';

/** There is no such crash point; the message lists those that there are. */
export class CrashPointUnknown extends SeaworthyError {
  readonly code = 'SW_CRASH_POINT_UNKNOWN';
  readonly kind = 'invalid';
}

/**
 * Kills its own process (SIGKILL) when it reaches a crash point: `'relay/publish/after'` the first time, `'relay/publish/after:7'`
 * the seventh. For the `reached` of a runtime. Throws `CrashPointUnknown`.
 */
export function crashAt(where: string): (point: CrashPoint) => void {
  const [name, times = '1'] = where.split(':');
  if (!crashPoints.some((point) => point === name) || !/^[1-9]\d{0,8}$/.test(times)) {
    throw new CrashPointUnknown(
      `${JSON.stringify(where)} is no crash point: take one of ${crashPoints.join(', ')}, and :N for the Nth time`,
    );
  }
  let left = Number(times);
  return (point) => {
    if (point === name && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
