import { saga } from 'seaworthy/saga';
import { z } from 'zod';
import { orders, stock } from './contracts.ts';

const input = z.object({ orderId: z.string() });

export const three = saga(orders, 'three', { input, uses: [stock] })
  .step('reserve', { do: ({ input, call }) => call(stock.reserve, input) })
  .local('price', { do: () => ({ cents: 100 }) })
  .local('confirm', {
    do({ results }) {
      const shown: { results: 'shown' } = { results };
      return [shown, results.charge];
    },
    undo: ({ result }) => result.length,
  });
three.local('price', { do: () => 1 });
three.local('tell', { do: ({ publish }) => publish('reserved', { orderId: '' }) });
three.local('tell', { do: ({ call }) => call });
three.step('tell', { do: ({ tx }) => tx });

saga(orders, 'narrow', { input }).step('reserve', { do: ({ input, call }) => call(stock.reserve, input) });
