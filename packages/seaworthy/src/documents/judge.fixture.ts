import assert from 'node:assert/strict';
import specs from '@asyncapi/specs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AnyContract } from '../contract/contract.ts';
import { asyncapi } from './asyncapi.ts';
import type { Doc } from './document.ts';
import { openapi } from './openapi.ts';
import type { Routed } from './shown.ts';

const ofAsyncApi = new Ajv({ strict: false, validateFormats: false }).compile(specs.schemasWithoutId['3.0.0'] as object);

const ofOpenApi = new Validator();

/** The node at a path of a document. */
export const at = (doc: unknown, ...path: readonly string[]): Doc =>
  path.reduce((node, key) => (node as Record<string, unknown>)?.[key], doc) as Doc;

/** What a reference leads to, within its document. */
export const resolve = (doc: unknown, ref: string): Doc =>
  at(
    doc,
    ...ref
      .slice(2)
      .split('/')
      .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')),
  );

function refsOf(node: unknown): readonly string[] {
  if (Array.isArray(node)) return node.flatMap(refsOf);
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => (key === '$ref' && typeof value === 'string' ? [value] : refsOf(value)));
}

/** Compiles schemas of a document with all that they refer to. */
function schemasAt(doc: object, refs: readonly string[]) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema({ $id: 'doc', ...doc });
  return refs.map((ref) => ajv.compile({ $ref: `doc${ref}` }));
}
export const schemaAt = (doc: object, ref: string) => schemasAt(doc, [ref])[0] as ValidateFunction;

/** An OpenAPI document that its standard accepts, and whose references lead somewhere. */
export async function judgeOpenApi(of: AnyContract | Routed): Promise<Doc> {
  const doc = openapi(of);
  const { valid, errors } = await ofOpenApi.validate(structuredClone(doc) as never);
  assert.ok(valid, JSON.stringify(errors));
  for (const ref of refsOf(doc)) assert.ok(resolve(doc, ref), `${ref} leads nowhere`);
  schemasAt(
    doc,
    Object.keys(at(doc, 'components', 'schemas')).map((name) => `#/components/schemas/${name}`),
  );
  return doc as unknown as Doc;
}

/** An AsyncAPI document that its standard accepts, and whose references lead somewhere. */
export function judgeAsyncApi(contracts: AnyContract | readonly AnyContract[]): Doc {
  const doc = asyncapi(contracts);
  assert.ok(ofAsyncApi(doc), JSON.stringify(ofAsyncApi.errors));
  for (const ref of refsOf(doc)) assert.ok(resolve(doc, ref), `${ref} leads nowhere`);
  return doc as unknown as Doc;
}
