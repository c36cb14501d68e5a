import type { Bound, Operation } from 'seaworthy/contract';
import gateway from '../gateway.ts';
import { inventory } from '../inventory/contract.ts';
import { orders } from '../orders/contract.ts';
import { payments } from '../payments/contract.ts';
import { documents } from './documents.ts';

export type Input = Readonly<Record<string, unknown>>;

/** One method and path of a port, its operation, and a valid input. */
export interface Spot {
  readonly method: string;
  /** The path with parameters in braces. */
  readonly path: string;
  readonly operation: Operation & Bound;
  readonly aggregate: boolean;
  readonly sample: Input;
}

/** A port of the shop. */
export interface Target {
  readonly name: string;
  readonly spots: readonly Spot[];
}

/** The samples use ids that the good orders do not use. */
const samples: Readonly<Record<string, Input>> = {
  placeOrder: { customerId: 'eve', items: [{ productId: 'fuzz-1', quantity: 1, unitPrice: 5 }], paymentToken: 'tok_ok' },
  charge: { orderId: 'fuzz-order', amount: 5, token: 'tok_ok' },
  reserve: { orderId: 'fuzz-order', items: [{ productId: 'fuzz-1', quantity: 1, unitPrice: 5 }] },
  setStock: { productId: 'fuzz-1', available: 50 },
  stock: { productId: 'fuzz-1' },
  openapi: {},
  asyncapi: {},
  page: {},
  start: {},
};

function spotOf(http: string, operation: Bound, aggregate: boolean): Spot {
  const [method = '', path = ''] = http.split(' ');
  return {
    method,
    path,
    operation: operation as Operation & Bound,
    aggregate,
    sample: samples[operation.name] ?? { orderId: 'fuzz-order' },
  };
}

const isOperation = (member: unknown): member is Operation & Bound => typeof member === 'object' && member !== null && 'http' in member;

/** Tells whether a spot reads the headers of calls, such as a key; documents do not. */
export const isCall = ({ operation }: Spot): boolean => operation.service !== documents['~contract'];

const spotsOf = (contract: object): readonly Spot[] =>
  Object.values(contract)
    .filter(isOperation)
    .map((operation) => spotOf(operation.http, operation, false));

const routed = gateway.routes.map(({ http, targets: [first, ...more] }) => spotOf(http, first as Bound, more.length > 0));

/** Lists all ports with all their spots. */
export const targets: readonly Target[] = [
  { name: 'gateway', spots: [...routed, ...spotsOf(documents)] },
  ...[orders, payments, inventory].map((contract) => ({
    name: contract['~contract'],
    spots: [...spotsOf(contract), ...spotsOf(documents)],
  })),
];
