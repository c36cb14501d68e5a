import { type Fleet, fleet, type Launch } from 'seaworthy/fleet';
import gateway from './gateway.ts';
import inventory from './inventory/service.ts';
import orders from './orders/service.ts';
import { type Cards, cards } from './payments/cards.ts';
import payments from './payments/service.ts';
import { type RunningProcessor, startProcessor } from './processor/start.ts';
import { storeOf } from './store.ts';

/** Makes the shop with a given card processor. */
export const shopOf = (own: Cards): Fleet => fleet({ services: [orders, payments(own), inventory], gateway });

/** The shop with its own card processor, which starts before the shop and stops after it. */
export interface Shop extends Launch {
  readonly processor: () => string;
}

export default async (): Promise<Shop> => {
  const store = await storeOf(process.env['SEAWORTHY_STORE']);
  // The processes of a shop share one card processor, which has been started already.
  let url = process.env['SHOP_PROCESSOR'] ?? '';
  let own: RunningProcessor | undefined;
  const client = cards(() => url);
  return {
    fleet: shopOf(client),
    ...(store && { options: { store } }),
    processor: () => url,
    async before(settings) {
      if (url !== '') return;
      own = await startProcessor(settings);
      url = own.url;
    },
    async after() {
      await client.close();
      await own?.stop();
    },
  };
};
