import { type Duration, milliseconds } from '../core/duration.ts';
import { SeaworthyError } from '../core/errors.ts';

/** Variables of the environment break their rules. The message names each variable, its rule and its value. */
export class EnvironmentInvalid extends SeaworthyError {
  readonly code = 'SW_ENVIRONMENT_INVALID';
  readonly kind = 'invalid';
}

/** The settings of a fleet from its environment. They are options of `start`. */
export interface Environment {
  readonly listen: {
    /** `PORT`: the port of the gateway. Default 8080; 0 takes any free one. */
    readonly port: number;
    /** `HOST`: the address to listen on. Default `127.0.0.1`. */
    readonly host: string;
    /** `SEAWORTHY_PORTS`: `1`, each service listens too, on any free port; or on fixed ones, `orders=7101,payments=7102`. Default 0. */
    readonly services: boolean | Readonly<Record<string, number>>;
    /** `SEAWORTHY_OPERATIONS=9090`, or `10.0.0.1:9090`: the port of metrics, documents and health alone. Default none. */
    readonly operations: { readonly port: number; readonly host?: string } | undefined;
  };
  readonly shutdown: {
    /** `SEAWORTHY_DRAIN`: how long a stop may take. Default `10s`. */
    readonly drain: Duration;
    /** `SEAWORTHY_GRACE`: how long the fleet serves on after it has become unready. Default `0s`. */
    readonly grace: Duration;
  };
  /** `SEAWORTHY_DIR`: the folder of the embedded databases. Default `.seaworthy`. */
  readonly dir: string;
  /** `SEAWORTHY_ONLY=orders,gateway`: what runs in this process. Default all. */
  readonly only: readonly string[] | undefined;
  /** `SEAWORTHY_ADDRESSES=orders=http://a:7101|http://b:7101,payments=http://a:7102`: where the rest is found. Default none. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  /** `LOG_LEVEL`: `debug`, `info`, `warn`, `error` or `silent`. Default `info`. */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Reads the settings of a fleet from the environment. Throws `EnvironmentInvalid`, which names every wrong variable and its rule. */
export function environment(env: Readonly<Record<string, string | undefined>>): Environment {
  const wrong: string[] = [];
  function read<T>(name: string, otherwise: T, parse: (text: string) => T | undefined, rule: string): T {
    const text = env[name];
    if (text === undefined || text === '') return otherwise;
    const value = parse(text);
    if (value === undefined) wrong.push(`${name} must be ${rule}, got ${JSON.stringify(text)}`);
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
  /** `a=1,b=2` by name; `undefined` when a value or the form is wrong. */
  function named<T>(text: string, parse: (value: string) => T | undefined): Readonly<Record<string, T>> | undefined {
    const pairs = text.split(',').map((one) => /^([a-z][a-z0-9-]*)=(.+)$/.exec(one.trim()));
    const entries = pairs.map((pair) => [pair?.[1], pair?.[2] === undefined ? undefined : parse(pair[2])] as const);
    return entries.every(([, value]) => value !== undefined) ? Object.fromEntries(entries) : undefined;
  }
  const names = (text: string): readonly string[] | undefined =>
    /^[a-z][a-z0-9-]*(,[a-z][a-z0-9-]*)*$/.test(text) ? text.split(',') : undefined;
  const urls = (text: string): readonly string[] | undefined => {
    const all = text.split('|');
    return all.every((url) => /^https?:\/\/[^/]+\/?$/.test(url) && URL.canParse(url)) ? all : undefined;
  };
  const services = (text: string): Environment['listen']['services'] | undefined => ({ '0': false, '1': true })[text] ?? named(text, port);
  const operations = (text: string): Environment['listen']['operations'] => {
    const [, host, digits] = /^(?:([\w.-]+|\[[\da-fA-F:.]+\]):)?(\d+)$/.exec(text) ?? [];
    const at = port(digits ?? '');
    return at === undefined ? undefined : { port: at, ...(host !== undefined && { host }) };
  };
  const hostName = (text: string): string | undefined => (/^(?:[\w.:-]+|\[[\da-fA-F:.]+\])$/.test(text) ? text : undefined);
  const result: Environment = {
    listen: {
      port: read('PORT', 8080, port, 'a port from 0 to 65535'),
      host: read('HOST', '127.0.0.1', hostName, 'an address or a host name'),
      services: read('SEAWORTHY_PORTS', false, services, "0, 1 or ports by name, such as 'orders=7101,payments=7102'"),
      operations: read('SEAWORTHY_OPERATIONS', undefined, operations, "a port, or an address and a port, such as '10.0.0.1:9090'"),
    },
    shutdown: {
      drain: read('SEAWORTHY_DRAIN', '10s', duration, "a number and a unit, such as '10s'"),
      grace: read('SEAWORTHY_GRACE', '0s', duration, "a number and a unit, such as '5s'"),
    },
    dir: read('SEAWORTHY_DIR', '.seaworthy', (text) => (text.includes('\0') ? undefined : text), 'the path of a folder'),
    only: read('SEAWORTHY_ONLY', undefined, names, "names with commas between, such as 'orders,gateway'"),
    addresses: read(
      'SEAWORTHY_ADDRESSES',
      {},
      (text) => named(text, urls),
      "base URLs by name, such as 'orders=http://a:7101|http://b:7101,payments=http://a:7102'",
    ),
    logLevel: read('LOG_LEVEL', 'info', (text) => levels.find((level) => level === text), `one of ${levels.join(', ')}`),
  };
  if (wrong.length > 0) throw new EnvironmentInvalid(wrong.join('; '));
  return result;
}
