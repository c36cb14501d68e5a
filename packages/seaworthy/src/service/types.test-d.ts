import { z } from 'zod';
import type { Call, Fail } from '../client/call.ts';
import { command, contract, event, query } from '../contract/contract.ts';
import type { Publish } from '../outbox/publish.ts';
import { saga } from '../saga/definition.ts';
import type { Tx } from '../store/store.ts';
import { external, type Handler, type Reaction, remote } from './handler.ts';
import { service } from './service.ts';

/** What the types promise and forbid. Checked by the compiler, never run. */
type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type IsAny<T> = 0 extends 1 & T ? true : false;
declare function is<T extends true>(): T;

const Item = z.object({ productId: z.string(), quantity: z.int() });
const Ref = z.object({ orderId: z.string() });
const stock = contract('stock', {
  reserve: command({
    http: 'POST /reservations',
    input: z.object({ orderId: z.string(), items: z.array(Item), note: z.string().default('none') }),
    output: z.object({ id: z.string() }),
    errors: { OutOfStock: { status: 409, data: z.object({ productId: z.string() }) }, Closed: { status: 423 } },
  }),
  release: command({ http: 'DELETE /reservations/{orderId}', input: Ref }),
  reservation: query({ http: 'GET /reservations/{orderId}', input: Ref, output: z.object({ id: z.string() }) }),
  reserved: event({ key: 'orderId', data: Ref }),
});
const orders = contract('orders', { place: command({ http: 'POST /orders', input: Ref }), placed: event({ key: 'orderId', data: Ref }) });

// @ts-expect-error the path names a field that the input lacks
command({ http: 'POST /a/{other}', input: Ref });
// @ts-expect-error the key is a field of the data
event({ key: 'other', data: Ref });

export async function calls(call: Call): Promise<void> {
  const reply = call(stock.reserve, { orderId: '1', items: [] }); // `note` has a default: it may be left out
  is<Eq<IsAny<Awaited<typeof reply>>, false>>();
  is<Eq<Awaited<typeof reply>, { id: string }>>();
  const outcome = await reply.outcome();
  if (!outcome.ok && outcome.error.name === 'OutOfStock') is<Eq<typeof outcome.error.data, { productId: string }>>();
  is<Eq<Awaited<ReturnType<typeof released>>, void>>();
  // @ts-expect-error a field is missing
  call(stock.reserve, { orderId: '1' });
}
declare const call: Call;
const released = () => call(stock.release, { orderId: '1' });

const place = saga(orders, 'place', { input: Ref, uses: [stock] })
  .step('reserve', {
    do: ({ input, call }) => call(stock.reserve, { orderId: input.orderId, items: [] }),
    undo: ({ result }) => {
      is<Eq<typeof result, { id: string } | undefined>>();
    },
  })
  .local('confirm', {
    do: ({ results, tx, publish }) => {
      is<Eq<typeof results.reserve, { id: string }>>();
      is<Eq<typeof tx, Tx>>();
      publish('placed', { orderId: results.reserve.id });
      // @ts-expect-error an event of another contract
      publish('reserved', { orderId: '1' });
    },
  });
// @ts-expect-error there is already a step of this name
place.local('confirm', { do: () => 1 });
saga(orders, 'wrong', { input: Ref, uses: [] }).step('reserve', {
  // @ts-expect-error a service that the saga does not use
  do: ({ input, call }) => call(stock.reserve, { orderId: input.orderId, items: [] }),
});
// What the compiler says of it: "Type '"stock"' is not assignable to type '"only what the saga names in `uses`"'".
type Only = 'only what the saga names in `uses`';
declare const lessThanThat: (call: Call<'stock'>) => void;
saga(orders, 'alone', { input: Ref }).step('reserve', {
  do: ({ call }) => {
    is<Eq<Parameters<typeof call>[0]['service'], Only>>();
    // @ts-expect-error it may not call stock
    lessThanThat(call);
  },
});
saga(orders, 'helped', { input: Ref, uses: [stock, orders] }).step('reserve', {
  do: ({ call }) => {
    is<Eq<Parameters<typeof call>[0]['service'], 'stock' | 'orders'>>();
    lessThanThat(call);
  },
});
// A step by itself takes a stand-in that knows what the saga uses, and none that knows less.
declare const fake: Call<'stock'>;
saga(orders, 'tried', { input: Ref, uses: [stock] }).step('reserve', {
  do: ({ call }) => {
    const taken: typeof call = fake;
    return taken(stock.reserve, { orderId: '1', items: [] });
  },
});
saga(orders, 'short', { input: Ref, uses: [stock, orders] }).step('reserve', {
  do: ({ call }) => {
    // @ts-expect-error it may call orders too
    const taken: typeof call = fake;
    return taken(stock.reserve, { orderId: '1', items: [] });
  },
});
saga(orders, 'other', { input: Ref, uses: [stock] }).step('place', {
  // @ts-expect-error a service that the saga does not use: "Type '"orders"' is not assignable to type '"stock"'"
  do: ({ input, call }) => call(orders.place, input),
});
saga(orders, 'mixed', { input: Ref }).local('reserve', {
  // @ts-expect-error no call beside a transaction
  do: ({ call }) => call,
});

const stockService = service(stock, {
  handlers: {
    reserve({ input, tx, fail, publish }) {
      is<Eq<typeof input.note, string>>(); // the default has been applied
      is<Eq<typeof tx, Tx>>();
      publish('reserved', { orderId: input.orderId });
      if (!input.items.length) throw fail('OutOfStock', { productId: 'x' });
      // @ts-expect-error it must bring its data
      if (input.note) throw fail('OutOfStock');
      // @ts-expect-error it is not declared
      throw fail('Other');
    },
    release: external({
      before: ({ input }) => ({ cents: input.orderId.length }),
      // @ts-expect-error no transaction beside a network call
      do: ({ intent, tx }) => ({ id: `${intent.cents}${tx}` }),
      after: ({ intent, outcome }) => {
        is<Eq<typeof intent, { cents: number }>>();
        is<Eq<typeof outcome, { id: string }>>();
      },
    }),
    // @ts-expect-error a query has no transaction
    reservation: ({ tx }) => ({ id: String(tx) }),
  },
});
export const refusing: Handler<typeof stock, 'reserve'> = ({ input, refuse }) => {
  if (input.orderId === '') return refuse('OutOfStock', { productId: 'x' });
  // @ts-expect-error it must bring its data
  if (input.note === '') return refuse('OutOfStock');
  // @ts-expect-error it is not declared
  if (input.note === 'none') return refuse('Other');
  return { id: input.orderId };
};
export const reaching: Handler<typeof stock, 'reserve'> = external({
  before: ({ input, refuse }) => (input.items.length === 0 ? refuse('Closed') : { cents: 1 }),
  do({ intent }) {
    is<Eq<typeof intent, { cents: number }>>();
    return { id: 'x' };
  },
  after({ intent, outcome, refuse }) {
    is<Eq<typeof intent, { cents: number }>>();
    return outcome.id === '' ? refuse('OutOfStock', { productId: 'x' }) : { id: outcome.id };
  },
});
service(stock, {
  handlers: {
    ...stockService.handlers,
    release: () => {},
    // @ts-expect-error a query changes nothing: there is nothing to commit beside a refusal
    reservation: ({ refuse }) => refuse('OutOfStock'),
    reserve: external({
      before: () => {},
      do: () => 1,
      after: ({ outcome, refuse }) => (outcome > 1 ? refuse('Closed') : { id: '' }),
    }),
  },
});
service(stock, {
  // @ts-expect-error a handler is missing
  handlers: { release: () => {}, reservation: () => ({ id: '1' }) },
});
// Where nothing is declared, the compiler says so: "Argument of type '"Other"' is not assignable to parameter of type '"the contract ...".
is<Eq<Parameters<Fail<Record<never, never>>>[0], 'the contract declares no errors of this operation'>>();
is<Eq<Parameters<Fail<{ Closed: unknown; Full: { left: number } }>>[0], 'Closed' | 'Full'>>();
service(orders, {
  handlers: {
    place({ fail }) {
      // @ts-expect-error nothing is declared
      throw fail('Other');
    },
  },
});
service(orders, { handlers: { place: ({ start, input }) => start(place, input) }, sagas: [place] });
// @ts-expect-error the saga of another service
service(stock, { handlers: stockService.handlers as never, sagas: [place] });

// A handler starts and stops the sagas of its own service only.
export const starting: Handler<typeof stock, 'release'> = ({ input, start, stop }) => {
  // @ts-expect-error the saga of another service
  start(place, input);
  // @ts-expect-error the saga of another service
  stop(place, input.orderId, 'late');
};
export const reacting: Reaction<typeof stock, typeof orders.placed> = ({ data, publish, start }) => {
  publish('reserved', data);
  // @ts-expect-error the saga of another service
  start(place, data);
};

// Contexts show the events of the contract, and nothing else of it.
export const shown: Handler<typeof stock, 'release'> = ({ publish }) => {
  is<Eq<typeof publish, Publish<{ readonly reserved: { orderId: string } }>>>();
};
// The results of a saga are one object type, however many steps it has.
saga(orders, 'flat', { input: Ref })
  .local('one', { do: () => 1 })
  .local('two', { do: async () => 'two' })
  .local('three', {
    do({ results }) {
      is<Eq<typeof results, { readonly one: number; readonly two: string }>>();
    },
  });

// A handler is of an operation: an event has none.
// @ts-expect-error an event
export type OfEvent = Handler<typeof stock, 'reserved'>;
// @ts-expect-error no member at all
export type OfNothing = Handler<typeof stock, '~contract'>;

// `external` and `remote` hold the output against the contract where it is written.
export const charging: Handler<typeof stock, 'reserve'> = external({
  before: () => 1,
  do: () => 1,
  // @ts-expect-error the output has an id
  after: () => ({ key: '' }),
});
// @ts-expect-error the id is a text
export const asking: Handler<typeof stock, 'reservation'> = remote(() => ({ id: 1 }));
// @ts-expect-error no snapshot beside a network call
export const reading: Handler<typeof stock, 'reservation'> = remote(({ read }) => ({ id: String(read) }));
// @ts-expect-error a command is not remote
export const wrongRemote: Handler<typeof stock, 'reserve'> = remote(() => ({ id: '' }));
// @ts-expect-error a query is not external
export const wrongExternal: Handler<typeof stock, 'reservation'> = external({ before: () => 1, do: () => 1, after: () => ({ id: '' }) });
// Without a contract they take anything, and fit where it does.
const alone = external({ before: () => 1, do: () => 1, after: () => ({ id: '' }) });
export const fits: Handler<typeof stock, 'reserve'> = alone;
const other = external({ before: () => 1, do: () => 1, after: () => ({ id: 1 }) });
// @ts-expect-error it gives another output
export const fitsNot: Handler<typeof stock, 'reserve'> = other;
