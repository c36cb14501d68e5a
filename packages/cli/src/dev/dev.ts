import { locate } from '../fleet-file.ts';
import type { Given } from '../options.ts';
import { settings } from '../settings.ts';
import { supervise } from './supervise.ts';

/** Runs a fleet while a person works on it. */
export async function dev(file: string | undefined, given: Given): Promise<void> {
  const path = locate(file);
  const { port, host, dir, drain, logLevel } = settings({ drain: '2s', ...given });
  await supervise(path, {
    ...process.env,
    ...{ PORT: String(port), HOST: host, SEAWORTHY_DIR: dir, SEAWORTHY_DRAIN: String(drain), LOG_LEVEL: logLevel },
    ...(given.ports !== undefined && { SEAWORTHY_PORTS: given.ports }),
  });
}
