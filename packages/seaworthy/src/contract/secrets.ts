import { isObject } from './json.ts';
import { type Keywords, mapParts, type Node } from './json-schema.ts';
import { resolver } from './references.ts';
import { jsonSchema } from './schema-json.ts';
import type { Schema } from './standard.ts';

/** What stands in place of a secret. */
export const hidden = '***';

/** A part of a schema, and how its references are followed. */
interface Part {
  readonly node: Node;
  readonly resolve: (node: Node) => Node;
}

const isMarked = (node: Node): boolean => isObject(node) && node['secret'] === true;

/** Both sides, as far as there are; none of a schema that nobody can read. */
function rootsOf(schema: Schema): readonly Part[] {
  return (['input', 'output'] as const).flatMap((side) => {
    try {
      const node = jsonSchema(schema, side);
      return [{ node, resolve: resolver(node) }];
    } catch {
      return [];
    }
  });
}

/** All that is said of one value, by reference, in parts and as alternatives; `undefined` when some of it says that it is secret. */
function saidOf(parts: readonly Part[]): readonly (Part & { readonly node: Keywords })[] | undefined {
  const said = new Map<Node, Part & { readonly node: Keywords }>();
  const all = [...parts];
  for (const { node: given, resolve } of all) {
    const node = resolve(given);
    if (isMarked(given) || isMarked(node)) return undefined;
    if (typeof node === 'boolean' || said.has(node)) continue;
    said.set(node, { node, resolve });
    const { allOf = [], anyOf = [], oneOf = [] } = node;
    all.push(...[...allOf, ...anyOf, ...oneOf].map((one) => ({ node: one, resolve })));
  }
  return [...said.values()];
}

const fieldOf = (parts: readonly (Part & { readonly node: Keywords })[], name: string): readonly Part[] =>
  parts.flatMap(({ node: { properties = {}, additionalProperties, patternProperties = {} }, resolve }) => {
    const own = Object.hasOwn(properties, name)
      ? [properties[name] as Node]
      : additionalProperties === undefined
        ? []
        : [additionalProperties];
    return [...own, ...Object.values(patternProperties)].map((node) => ({ node, resolve }));
  });

const entryOf = (parts: readonly (Part & { readonly node: Keywords })[], index: number): readonly Part[] =>
  parts.flatMap(({ node: { prefixItems = [], items }, resolve }) => {
    const node = prefixItems[index] ?? items;
    return node === undefined ? [] : [{ node, resolve }];
  });

/** The value with what `to` makes of each secret in it; it is given the place. */
function mapped(value: unknown, parts: readonly Part[], to: (secret: unknown, path: readonly (string | number)[]) => unknown): unknown {
  function visit(one: unknown, here: readonly Part[], path: readonly (string | number)[]): unknown {
    if (here.length === 0) return one;
    const said = saidOf(here);
    if (!said) return to(one, path);
    if (Array.isArray(one)) return one.map((entry, index) => visit(entry, entryOf(said, index), [...path, index]));
    if (!isObject(one)) return one;
    return Object.fromEntries(Object.entries(one).map(([name, field]) => [name, visit(field, fieldOf(said, name), [...path, name])]));
  }
  return visit(value, parts, []);
}

/**
 * The value with `***` in place of what its schema marks as secret (`secret: true` in JSON Schema, `.meta({ secret: true })` in Zod),
 * by reference, in lists, records and alternatives too. All of it is hidden when its schema cannot be read.
 */
export function redact(schema: Schema, value: unknown): unknown {
  const roots = rootsOf(schema);
  return roots.length === 0 ? hidden : mapped(value, roots, () => hidden);
}

/** The other way round: where `shown` has `***` in place of a secret, it gets what `value` has there. */
export function unredact(schema: Schema, shown: unknown, value: unknown): unknown {
  const at = (path: readonly (string | number)[]): unknown =>
    path.reduce<unknown>(
      (one, name) => (typeof one === 'object' && one !== null ? (one as Record<string | number, unknown>)[name] : undefined),
      value,
    );
  return mapped(shown, rootsOf(schema), (secret, path) => (secret === hidden ? at(path) : secret));
}

/** The names of all fields in schemas, at any depth: those that are secret anywhere, and those that are not. */
function namesIn(schemas: readonly Schema[]): { readonly secret: ReadonlySet<string>; readonly open: ReadonlySet<string> } {
  const secret = new Set<string>();
  const open = new Set<string>();
  const seek = ({ node, resolve }: Part): void => {
    if (!isObject(node)) return;
    for (const [name, field] of Object.entries((node as Keywords).properties ?? {}))
      (saidOf([{ node: field, resolve }]) ? open : secret).add(name);
    mapParts(node, (inner) => seek({ node: inner as Node, resolve }));
  };
  for (const root of schemas.flatMap(rootsOf)) seek(root);
  return { secret, open };
}

/** Whether values of these schemas may have secrets, or nobody can tell. */
export const holdsSecrets = (schemas: readonly Schema[]): boolean =>
  schemas.some((schema) => {
    const roots = rootsOf(schema);
    const marked = (node: unknown): boolean => {
      if (!isObject(node)) return false;
      let found = isMarked(node as Node);
      mapParts(node, (inner) => {
        found ||= marked(inner);
      });
      return found;
    };
    return roots.length === 0 || roots.some(({ node }) => marked(node));
  });

/**
 * The value with `***` for what may be a secret, of a value that is made of others, such as the result of a saga's step. If any of
 * `schemas` marks a secret, only fields by whose names the schemas know something that is not secret are shown, beside `true`,
 * `false` and `null`: code may put a secret into a field of any name, or return it alone.
 */
export function redactByName(schemas: readonly Schema[], value: unknown): unknown {
  if (!holdsSecrets(schemas)) return value;
  const { secret, open } = namesIn(schemas);
  const visit = (one: unknown, known: boolean): unknown => {
    if (Array.isArray(one)) return one.map((entry) => visit(entry, known));
    if (isObject(one))
      return Object.fromEntries(
        Object.entries(one).map(([name, field]) => [name, secret.has(name) ? hidden : visit(field, open.has(name))]),
      );
    return known || one === undefined || one === null || typeof one === 'boolean' ? one : hidden;
  };
  return visit(value, false);
}

/** A shorter text is in many words by chance. */
const shortest = 4;
/** Of more than that nobody looks for each in each message. */
const most = { secrets: 100, characters: 2000 };
const unsaid = 'breaks its rule; the message is left out, as it may quote a secret';

/** Makes messages about a value that breaks its schema free of the secrets in it, which the author of a message may quote. */
export function messageRedactor(schema: Schema, value: unknown): (path: string, message: string) => string {
  const secrets = new Map<string, string>();
  const note = (secret: unknown, path: readonly (string | number)[]): unknown => {
    // A sender chooses how deep and how large it is.
    const all = [secret];
    for (const one of all) {
      if (secrets.size > most.secrets) break;
      if (typeof one === 'object' && one !== null) for (const inner of Object.values(one)) all.push(inner);
      else if (one !== undefined && one !== null && typeof one !== 'boolean') secrets.set(String(one), path.join('.'));
    }
    return hidden;
  };
  try {
    mapped(value, rootsOf(schema), note);
  } catch {
    return () => unsaid; // a value that cannot be read, such as one whose getters throw
  }
  if (secrets.size === 0) return (_, message) => message;
  return (path, message) => {
    if (secrets.size > most.secrets || message.length > most.characters) return unsaid;
    let said = message;
    for (const [text, place] of secrets) {
      const near = path === place || path.startsWith(`${place}.`);
      if (text !== '' && (near || text.length >= shortest)) said = said.replaceAll(text, hidden);
    }
    return said;
  };
}
