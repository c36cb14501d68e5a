import { z } from 'zod';
import { command, contract, event, query } from '../contract/contract.ts';
import { type Answer, aggregate } from './aggregate.ts';
import { type Gateway, gateway } from './gateway.ts';
import { route } from './route.ts';

/** What gateways promise and forbid. Checked by the compiler, never run. */
type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function is<T extends true>(): T;

const Ref = z.object({ orderId: z.string() });
const release = command({ http: 'DELETE /reservations/{orderId}', input: Ref });
const stock = contract('stock', {
  release,
  reservation: query({ http: 'GET /reservations/{orderId}', input: Ref, output: z.object({ id: z.string() }) }),
  reserved: event({ key: 'orderId', data: Ref }),
});

const page = aggregate('GET /api/{orderId}', ({ part }) => ({
  reservation: part(stock.reservation, ({ params }) => params).optional(),
  again: part(stock.reservation, ({ params }) => ({ orderId: params.orderId })),
}));
type Page = NonNullable<(typeof page)['~answer']>;
is<Eq<Page['reservation'], { id: string } | undefined>>();
is<Eq<Page['again'], { id: string }>>();
is<Eq<keyof Page['meta']['parts'], 'reservation' | 'again'>>();
export type Empty = Answer<Record<never, never>>;

const front = gateway({ routes: [route('DELETE /api/{orderId}', stock.release), page] });
is<Eq<typeof front, Gateway<'stock'>>>();
// @ts-expect-error the path names a field that the operation does not take
route('DELETE /api/{id}', stock.release);

type Sentence = 'a route leads to a command or a query of a contract';
is<Eq<Parameters<typeof route<'POST /api', typeof stock.reserved>>[1], Sentence>>();
// @ts-expect-error an event
route('POST /api/{orderId}', stock.reserved);
// @ts-expect-error an operation of no contract
route('POST /api/{orderId}', release);
// @ts-expect-error no operation at all
route('POST /api/{orderId}', {});
