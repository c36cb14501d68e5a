import type { Fleet, Launch, RunningFleet } from 'seaworthy/fleet';
import { displayPath } from '../fleet-file.ts';
import { nameOf } from '../services.ts';
import { counted, padded, paint } from '../terminal.ts';
import { colourOf } from './printer.ts';

const memberOf = ({ service, name }: { readonly service: string; readonly name: string }): string => `${service}.${name}`;

/** Lists the events that a service publishes and handles, and the sagas that it runs. */
function roles(service: Fleet['services'][number]): readonly (readonly [role: string, names: readonly string[]])[] {
  const members = Object.values(service.contract) as readonly { readonly kind?: string; readonly name: string }[];
  const all = [
    ['publishes', members.filter(({ kind }) => kind === 'event').map(({ name }) => name)],
    ['handles', service.on.map(({ event }) => memberOf(event))],
    ['runs', service.sagas.map(({ name }) => name)],
  ] as const;
  return all.filter(([, names]) => names.length > 0);
}

/** Says what of a fleet is in its folder: its databases, or the events on their way alone, or nothing. */
function stateIn({ fleet: { services }, options = {} }: Launch, dir: string): string {
  const embedded = options.store === undefined && services.some(({ store }) => store === undefined);
  if (embedded) return `with state in ${displayPath(dir)}`;
  return options.bus === undefined ? `with the log of events in ${displayPath(dir)}` : '';
}

/** Describes a started fleet for a person: its addresses, its routes, and the events that connect its services. */
export function overview(launch: Launch, running: RunningFleet, dir: string): readonly string[] {
  const {
    fleet: { services, gateway },
    options,
  } = launch;
  const names = services.map(nameOf);
  const width = Math.max(...names.map((name) => name.length));
  const lines = ['', `  ${paint('bold', counted(services.length, 'service'))} ${paint('dim', stateIn(launch, dir))}`.trimEnd(), ''];
  for (const service of services) {
    const name = nameOf(service);
    const [first = '', ...rest] = [
      running.urls[name] ?? '',
      ...roles(service).map(([role, all]) => `${padded(role, 9)}  ${all.join(', ')}`),
    ]
      .filter((part) => part !== '')
      .map((part) => paint('dim', part));
    lines.push(
      `  ${paint(colourOf(name, names), padded(name, width))}  ${first}`.trimEnd(),
      ...rest.map((part) => `  ${' '.repeat(width)}  ${part}`),
    );
  }
  if (gateway && running.url !== undefined) {
    const parts = gateway.routes.map(({ http, targets }) => {
      const [method = '', path = ''] = http.split(' ');
      return { method, path, to: targets.map(memberOf).join(' + ') };
    });
    const [methods, paths] = [Math.max(...parts.map(({ method }) => method.length)), Math.max(...parts.map(({ path }) => path.length))];
    lines.push('', `  ${paint(['bold', 'underline'], running.url)}`);
    for (const { method, path, to } of parts)
      lines.push(`    ${paint('cyan', padded(method, methods))}  ${padded(path, paths)}  ${paint('dim', to)}`);
    lines.push(
      `    ${paint('dim', padded('GET', methods))}  ${paint('dim', `${options?.documents === false ? '' : '/docs, '}/health/ready, /metrics`)}`,
    );
  }
  return [...lines, ''];
}
