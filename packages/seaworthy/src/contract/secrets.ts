import { isObject } from './json.ts';
import { type Keywords, mapParts, type Node } from './json-schema.ts';
import { resolver } from './references.ts';
import { jsonSchema } from './schema-json.ts';
import type { Schema } from './standard.ts';

/** The text that replaces a secret. */
export const hidden = '***';

/** A node within a schema, and the function that follows its references. */
interface SchemaPart {
  readonly node: Node;
  readonly resolve: (node: Node) => Node;
}

const isMarked = (node: Node): boolean => isObject(node) && node['secret'] === true;

/** Returns both sides of a schema; none when its JSON Schema cannot be made. */
function rootsOf(schema: Schema): readonly SchemaPart[] {
  return (['input', 'output'] as const).flatMap((side) => {
    try {
      const node = jsonSchema(schema, side);
      return [{ node, resolve: resolver(node) }];
    } catch {
      return [];
    }
  });
}

/** Collects all schemas of one value, by reference, in `allOf` and as alternatives; `undefined` when one of them marks it as secret. */
function schemasOf(parts: readonly SchemaPart[]): readonly (SchemaPart & { readonly node: Keywords })[] | undefined {
  const said = new Map<Node, SchemaPart & { readonly node: Keywords }>();
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

const fieldOf = (parts: readonly (SchemaPart & { readonly node: Keywords })[], name: string): readonly SchemaPart[] =>
  parts.flatMap(({ node: { properties = {}, additionalProperties, patternProperties = {} }, resolve }) => {
    const own = Object.hasOwn(properties, name)
      ? [properties[name] as Node]
      : additionalProperties === undefined
        ? []
        : [additionalProperties];
    return [...own, ...Object.values(patternProperties)].map((node) => ({ node, resolve }));
  });

const entryOf = (parts: readonly (SchemaPart & { readonly node: Keywords })[], index: number): readonly SchemaPart[] =>
  parts.flatMap(({ node: { prefixItems = [], items }, resolve }) => {
    const node = prefixItems[index] ?? items;
    return node === undefined ? [] : [{ node, resolve }];
  });

/** Replaces each secret in a value by what `to` returns. */
function mapped(
  value: unknown,
  parts: readonly SchemaPart[],
  to: (secret: unknown, path: readonly (string | number)[]) => unknown,
): unknown {
  function visit(one: unknown, here: readonly SchemaPart[], path: readonly (string | number)[]): unknown {
    if (here.length === 0) return one;
    const schemas = schemasOf(here);
    if (!schemas) return to(one, path);
    if (Array.isArray(one)) return one.map((entry, index) => visit(entry, entryOf(schemas, index), [...path, index]));
    if (!isObject(one)) return one;
    return Object.fromEntries(Object.entries(one).map(([name, field]) => [name, visit(field, fieldOf(schemas, name), [...path, name])]));
  }
  return visit(value, parts, []);
}

/**
 * Replaces what a schema marks as secret (`secret: true` in JSON Schema, `.meta({ secret: true })` in Zod) by `***`, also by
 * reference, in lists, records and alternatives. The whole value is hidden when its schema cannot be read.
 */
export function redact(schema: Schema, value: unknown): unknown {
  const roots = rootsOf(schema);
  return roots.length === 0 ? hidden : mapped(value, roots, () => hidden);
}

/** Reverses `redact`: where `shown` has `***` in place of a secret, the result has the secret of `value`. */
export function unredact(schema: Schema, shown: unknown, value: unknown): unknown {
  const at = (path: readonly (string | number)[]): unknown =>
    path.reduce<unknown>(
      (one, name) => (typeof one === 'object' && one !== null ? (one as Record<string | number, unknown>)[name] : undefined),
      value,
    );
  return mapped(shown, rootsOf(schema), (secret, path) => (secret === hidden ? at(path) : secret));
}

/** Collects the names of all fields in schemas, at any depth: those that are secret somewhere, and those that are open. */
function namesIn(schemas: readonly Schema[]): { readonly secret: ReadonlySet<string>; readonly open: ReadonlySet<string> } {
  const secret = new Set<string>();
  const open = new Set<string>();
  const seek = ({ node, resolve }: SchemaPart): void => {
    if (!isObject(node)) return;
    for (const [name, field] of Object.entries((node as Keywords).properties ?? {}))
      (schemasOf([{ node: field, resolve }]) ? open : secret).add(name);
    mapParts(node, (inner) => seek({ node: inner as Node, resolve }));
  };
  for (const root of schemas.flatMap(rootsOf)) seek(root);
  return { secret, open };
}

/** Tells whether values of these schemas may have secrets; true when a schema cannot be read. */
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
 * Replaces what may be a secret by `***` in a value without a schema of its own, such as the result of a saga's step. If any of
 * `schemas` marks a secret, only `true`, `false`, `null` and fields with names that the schemas know as open are shown: code may
 * put a secret into a field of any name, or return it alone.
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

/** The shortest secret that is searched in a message, since a shorter text occurs in many words by chance. */
const shortest = 4;
/** The limits beyond which a message is left out instead of being searched. */
const most = { secrets: 100, characters: 2000 };
const withheld = 'breaks its rule; the message is left out, as it may quote a secret';

/** Makes messages about a value that breaks its schema free of the secrets in it, which the author of a message may quote. */
export function messageRedactor(schema: Schema, value: unknown): (path: string, message: string) => string {
  const secrets = new Map<string, string>();
  const note = (secret: unknown, path: readonly (string | number)[]): unknown => {
    // A loop instead of recursion, since the sender chooses the depth of the value.
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
    return () => withheld; // a value that cannot be read, such as one whose getters throw
  }
  if (secrets.size === 0) return (_, message) => message;
  return (path, message) => {
    if (secrets.size > most.secrets || message.length > most.characters) return withheld;
    let redacted = message;
    for (const [text, place] of secrets) {
      const near = path === place || path.startsWith(`${place}.`);
      if (text !== '' && (near || text.length >= shortest)) redacted = redacted.replaceAll(text, hidden);
    }
    return redacted;
  };
}
