import { SeaworthyError } from './errors.ts';

/** An object of options has a name that its function does not know. The message lists the names that it knows. */
export class OptionUnknown extends SeaworthyError {
  readonly code = 'SW_OPTION_UNKNOWN';
  readonly kind = 'invalid';
}

/** The names of options. Those of a group of options are nested. */
export interface Names {
  readonly [name: string]: true | Names;
}

/** The names of all options of `T`. */
export type OptionNames<T> = { readonly [K in keyof T]-?: true | Names };

const shown = (names: Names): string =>
  Object.entries(names)
    .map(([name, inner]) => (inner === true ? name : `${name} { ${shown(inner)} }`))
    .join(', ');

/**
 * Throws `OptionUnknown` for an option of `given`, or of a group in it, that is not one of `names`. `what` names the function in the
 * message. An option that is `undefined` is as good as absent.
 */
export function checkOptions<T extends object>(what: string, given: T | undefined, names: OptionNames<T>): void {
  checkGroup(what, given, names as Names, '');
}

function checkGroup(what: string, given: object | undefined, names: Names, group: string): void {
  for (const [name, value] of Object.entries(given ?? {})) {
    const known = Object.hasOwn(names, name) && names[name];
    if (!known && value !== undefined) throw new OptionUnknown(`${what} has no option ${group}${name}: write one of ${shown(names)}`);
    if (typeof known === 'object' && typeof value === 'object') checkGroup(what, value, known, `${group}${name}.`);
  }
}
