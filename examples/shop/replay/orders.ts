import { parse } from 'csv-parse/sync';
import type { Item } from '../shapes.ts';

/** An order that is made from an invoice. */
export interface Order {
  readonly invoice: string;
  /** The id of the customer; `undefined` for a guest. */
  readonly customerId: string | undefined;
  readonly items: readonly Item[];
}

/** A row that is refused. */
export interface Refused {
  readonly line: number;
  readonly reason: string;
}

export interface Day {
  readonly orders: readonly Order[];
  readonly refused: readonly Refused[];
}

/** The file is not in the format; the message names the place and the rule. */
export class FileInvalid extends Error {
  override readonly name = 'FileInvalid';
}

const header = ['InvoiceNo', 'StockCode', 'Description', 'Quantity', 'InvoiceDate', 'UnitPrice', 'CustomerID', 'Country'];

interface Read {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** Converts a decimal text to whole pence without a float; `undefined` for any other text. */
export function pence(text: string): number | undefined {
  const match = /^(-?)(\d+)(?:\.(\d{1,2})0*)?$/.exec(text.trim());
  if (!match) return undefined;
  const [, sign, pounds, fraction = ''] = match;
  const amount = Number(pounds) * 100 + Number(fraction.padEnd(2, '0'));
  return sign ? -amount : amount;
}

/** Reads a row as a line of an order, or returns the reason of its refusal. */
function itemOf(record: readonly string[]): Item | string {
  const [invoice = '', productId = '', , quantityText = '', , priceText = ''] = record;
  if (record.length !== header.length) return `has ${record.length} columns, not ${header.length}`;
  if (invoice.trim() === '') return 'InvoiceNo is empty';
  if (/^C/i.test(invoice)) return 'credit note';
  if (productId.trim() === '' || productId.length > 100) return 'StockCode must have 1 to 100 characters';
  if (!/^-?\d+$/.test(quantityText.trim())) return `Quantity ${JSON.stringify(quantityText)} is not a whole number`;
  const quantity = Number(quantityText);
  if (quantity <= 0) return 'Quantity is not positive';
  if (quantity > 100_000) return `Quantity ${quantity} is more than 100000`;
  const unitPrice = pence(priceText);
  if (unitPrice === undefined) return `UnitPrice ${JSON.stringify(priceText)} is not an amount with at most two decimals`;
  if (unitPrice <= 0) return 'UnitPrice is not positive';
  if (unitPrice > 10_000_000) return `UnitPrice ${priceText} is more than 100000.00`;
  return { productId: productId.trim(), quantity, unitPrice };
}

/** Reads a file in the Online Retail format and makes an order of each invoice. Throws `FileInvalid`. */
export function readOrders(text: string): Day {
  const refused: Refused[] = [];
  let rows: readonly Read[];
  try {
    rows = parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
    }) as unknown as readonly Read[];
  } catch (cause) {
    throw new FileInvalid(`the file is not CSV: ${(cause as Error).message}`, { cause });
  }
  const [first, ...rest] = rows;
  if (!first) throw new FileInvalid(`the file is empty: its first line must be ${header.join(',')}`);
  if (first.record.map((name) => name.trim()).join(',') !== header.join(',')) {
    throw new FileInvalid(`line 1 must be ${header.join(',')}, got ${JSON.stringify(first.record.join(','))}`);
  }
  const orders = new Map<string, { invoice: string; customerId: string | undefined; items: Item[] }>();
  for (const { record, info } of rest) {
    const item = itemOf(record);
    if (typeof item === 'string') {
      refused.push({ line: info.lines, reason: item });
      continue;
    }
    const invoice = (record[0] as string).trim();
    const customer = (record[6] as string).trim().replace(/\.0$/, '');
    const order = orders.get(invoice) ?? { invoice, customerId: customer === '' ? undefined : customer, items: [] };
    if (order.items.length === 2000) {
      refused.push({ line: info.lines, reason: 'its invoice has more than 2000 lines' });
      continue;
    }
    order.items.push(item);
    orders.set(invoice, order);
  }
  return { orders: [...orders.values()], refused };
}

export const totalOf = ({ items }: Order): number => items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);

/** Adds up the units of each product in `orders`. */
export function unitsOf(orders: Iterable<{ readonly items: readonly Item[] }>): Map<string, number> {
  const units = new Map<string, number>();
  for (const { items } of orders) for (const { productId, quantity } of items) units.set(productId, (units.get(productId) ?? 0) + quantity);
  return units;
}
