import mysql from 'mysql2/promise';
import { StatementFailed } from '../errors.ts';
import { refusalOf } from '../statement-name.ts';
import type { Row, Value, Values } from '../store.ts';
import { refuseValue } from '../values.ts';
import type { Field } from './mysql-client.ts';

/** The numbers of the protocol (https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html). */
const longlong = 8;
const binary = 63;

/** Makes a parameter of a type, where the client would guess another one from the JavaScript value: it takes every number for a double. */
const { BIGINT: bigint } = (
  mysql as unknown as { TypedParameter: { BIGINT: ((value: bigint) => unknown) & { unsigned: (value: bigint) => unknown } } }
).TypedParameter;

function whole(value: bigint, index: number): unknown {
  if (BigInt.asIntN(64, value) === value) return bigint(value);
  if (BigInt.asUintN(64, value) === value) return bigint.unsigned(value);
  throw new TypeError(`value ${index + 1} does not fit into 64 bits: keep it as a text`);
}

/** A value as the client sends it. */
export function toParameter(value: Value | undefined, index: number): unknown {
  if (value === undefined || value === null) return null;
  refuseValue(value, index);
  if (typeof value === 'bigint') return whole(value, index);
  if (typeof value === 'boolean') return bigint(value ? 1n : 0n);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) throw new TypeError(`value ${index + 1} is ${value}, which MySQL cannot keep: use null`);
  return Number.isSafeInteger(value) ? bigint(BigInt(value)) : value;
}

const sizeOf = (value: Value | undefined): number =>
  typeof value === 'string' ? Buffer.byteLength(value) : value instanceof Uint8Array ? value.byteLength : 8;
const lengthOf = (value: Value | undefined): number => (typeof value === 'string' || value instanceof Uint8Array ? value.length : 8);

/** Refuses a statement that the server would answer by closing the connection, so that it would be sent again and again. */
export function refuseTooLarge(sql: string, values: Values, largest: number): void {
  const most = largest - 16 * (values.length + 8);
  if (3 * values.reduce<number>((sum, value) => sum + lengthOf(value), sql.length) < most) return;
  const size = values.reduce<number>((sum, value) => sum + sizeOf(value), Buffer.byteLength(sql));
  if (size >= most)
    throw new StatementFailed(refusalOf(`its values have ${size} bytes, and the server takes ${largest} (max_allowed_packet)`, sql));
}

/** Makes values of what the client gives as texts or buffers: integers beyond 2^53, and bytes. */
export function rowsOf(rows: Record<string, unknown>[], fields: readonly Field[]): readonly Row[] {
  for (const { name, columnType, characterSet } of fields) {
    if (columnType === longlong) {
      for (const row of rows) if (typeof row[name] === 'string') row[name] = BigInt(row[name]);
    } else if (characterSet === binary) {
      for (const row of rows) if (row[name] instanceof Uint8Array) row[name] = new Uint8Array(row[name]);
    }
  }
  return rows as readonly Row[];
}
