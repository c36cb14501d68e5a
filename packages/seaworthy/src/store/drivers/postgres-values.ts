import type { Value } from '../store.ts';
import { refuseValue } from '../values.ts';

/** Object identifiers of the types that are not read as text (pg_type.dat of PostgreSQL). */
const oids = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, oid: 26, float4: 700, float8: 701 } as const;

function whole(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** Bytes are in one of two forms, which the role or the database may choose (https://www.postgresql.org/docs/current/datatype-binary.html). */
function bytesOf(text: string): Uint8Array {
  if (text.startsWith('\\x')) return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
  const plain = text.replaceAll(/\\(\\|[0-7]{3})/g, (_, code: string) =>
    code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 8)),
  );
  return new Uint8Array(Buffer.from(plain, 'latin1'));
}

const parsers: Readonly<Record<number, (text: string) => Value>> = {
  [oids.bool]: (text) => text === 't',
  [oids.bytea]: bytesOf,
  [oids.int8]: whole,
  [oids.int2]: Number,
  [oids.int4]: Number,
  [oids.oid]: Number,
  [oids.float4]: Number,
  [oids.float8]: Number,
};

const asText = (text: string): Value => text;

/** How the columns of an answer become values: numbers, booleans and bytes as such, everything else as its text. */
export const columnTypes = { getTypeParser: (oid: number): ((text: string) => Value) => parsers[oid] ?? asText };

/** A value as the client sends it. A boolean is 1 or 0, which columns of booleans and of whole numbers both take. */
export function toParameter(value: Value | undefined, index: number): string | Buffer | null {
  if (value === undefined || value === null) return null;
  refuseValue(value, index);
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return String(value);
}
