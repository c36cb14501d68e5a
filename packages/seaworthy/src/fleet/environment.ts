import { type Duration, milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';

/** A value of the environment that breaks its rule; the message names each variable and what it takes. */
export class EnvironmentInvalid extends SeaworthyError {
  readonly code = 'SW_ENVIRONMENT_INVALID';
  readonly kind = 'invalid';
}

/** What a fleet takes from its environment. */
export interface Environment {
  /** `PORT`: of the gateway. Default 8080; 0 takes any free one. */
  readonly port: number;
  /** `HOST`: the address to listen on. Default `127.0.0.1`. */
  readonly host: string;
  /** `SEAWORTHY_DIR`: where the embedded databases live. Default `.seaworthy`. */
  readonly dir: string;
  /** `SEAWORTHY_PORTS=1`: each service listens on a port of its own too. Default 0. */
  readonly ports: boolean;
  /** `SEAWORTHY_DRAIN`: how long a stop may take. Default `10s`. */
  readonly drain: Duration;
  /** `SEAWORTHY_GRACE`: how long it serves on after it said that it is unready. Default `0s`. */
  readonly grace: Duration;
  /** `LOG_LEVEL`: `debug`, `info`, `warn`, `error` or `silent`. Default `info`. */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Reads the environment. Throws `EnvironmentInvalid`, which lists every variable that is wrong and its rule. */
export function environment(env: Readonly<Record<string, string | undefined>>): Environment {
  const wrong: string[] = [];
  function read<T>(name: string, otherwise: T, parse: (text: string) => T | undefined, rule: string): T {
    const text = env[name];
    if (text === undefined || text === '') return otherwise;
    const value = parse(text);
    if (value === undefined) wrong.push(`${name} is ${JSON.stringify(text)}: it takes ${rule}`);
    return value ?? otherwise;
  }
  const port = (text: string): number | undefined => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined);
  const duration = (text: string): Duration | undefined => {
    try {
      milliseconds(text as Duration);
      return text as Duration;
    } catch {
      return undefined; // reported with the others, by its rule
    }
  };
  const result: Environment = {
    port: read('PORT', 8080, port, 'a port from 0 to 65535'),
    host: read('HOST', '127.0.0.1', (text) => (/^[\w.:-]+$/.test(text) ? text : undefined), 'an address or a host name'),
    dir: read('SEAWORTHY_DIR', '.seaworthy', (text) => (text.includes('\0') ? undefined : text), 'the path of a folder'),
    ports: read('SEAWORTHY_PORTS', false, (text) => ({ '0': false, '1': true })[text], '0 or 1'),
    drain: read('SEAWORTHY_DRAIN', '10s', duration, "a number and a unit, such as '10s'"),
    grace: read('SEAWORTHY_GRACE', '0s', duration, "a number and a unit, such as '5s'"),
    logLevel: read('LOG_LEVEL', 'info', (text) => levels.find((level) => level === text), levels.join(', ')),
  };
  if (wrong.length > 0) throw new EnvironmentInvalid(wrong.join('; '));
  return result;
}
