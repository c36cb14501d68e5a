import { external, type Handler, type Reaction, remote, service } from 'seaworthy/service';
import { fulfil, type orders, stock } from './contracts.ts';

type Reserve = Handler<typeof stock, 'reserve'>;
type Reservation = Handler<typeof stock, 'reservation'>;

export const lacksUnits: Reserve = ({ input }) => ({ id: input.orderId });
export const unitsAreText: Reserve = ({ input }) => ({ id: input.orderId, units: 'many' });
export const unitsAreTextLater: Reserve = async ({ input }) => ({ id: input.orderId, units: 'many' });
export const unitsAreTextInTheEnd: Reserve = ({ input }) => {
  const units = 'many';
  return { id: input.orderId, units };
};
export const queryLacksUnits: Reservation = ({ input }) => ({ id: input.orderId });
export const queryCommits: Reservation = ({ tx }) => ({ id: String(tx), units: 1 });
export const callsAnother: Reserve = ({ call }) => call(stock.reservation, {});
export const externalUnitsAreText: Reserve = external({ before: () => 1, do: () => 1, after: () => ({ id: '', units: 'many' }) });
export const doWithTransaction: Reserve = external({ before: () => 1, do: ({ tx }) => tx, after: () => ({ id: '', units: 1 }) });
export const afterMistakesOutcome: Reserve = external({
  before: () => ({ cents: 1 }),
  do: ({ intent }) => ({ receipt: intent.cents }),
  after: ({ outcome }) => ({ id: outcome.receipt, units: 1 }),
});
export const remoteLacksUnits: Reservation = remote(({ input }) => ({ id: input.orderId }));
export const remoteReads: Reservation = remote(({ read }) => read);
export const commandIsRemote: Reserve = remote(() => ({ id: '', units: 1 }));
export const queryIsExternal: Reservation = external({ before: () => {}, do: () => {}, after: () => ({ id: '', units: 1 }) });
export const notAnOperation: Handler<typeof stock, 'reserved'> = () => {};

export const tools: Reserve = ({ input, publish, start, stop, fail, refuse }) => {
  publish.shown();
  publish('placed', { orderId: input.orderId });
  publish('reserved', {});
  start(fulfil, input);
  stop(fulfil, input.orderId, 'no');
  if (input.orderId === '') throw fail('Full');
  return refuse('Full');
};
export const hears: Reaction<typeof stock, typeof orders.placed> = ({ data, start }) => start(fulfil, { orderId: data.id });

service(stock, { handlers: { release: () => {}, reservation: () => ({ id: '', units: 1 }) } });
service(stock, {
  handlers: { release: () => {}, reservation: () => ({ id: '', units: 1 }), reserve: () => ({ id: '', units: 1 }) },
  sagas: [fulfil],
});
service(stock, {
  handlers: { release: () => {}, reservation: () => ({ id: '' }), reserve: external({ before: () => {}, do: () => {}, after: () => '' }) },
});
