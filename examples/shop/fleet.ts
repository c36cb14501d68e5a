import { type Fleet, fleet, type Launch } from 'seaworthy/fleet';
import gateway from './gateway.ts';
import inventory from './inventory/service.ts';
import orders from './orders/service.ts';
import { type Cards, cards } from './payments/cards.ts';
import payments from './payments/service.ts';
import { type RunningProcessor, startProcessor } from './processor/start.ts';

/** The shop, whoever its cards are. */
export const shopOf = (own: Cards): Fleet => fleet({ services: [orders, payments(own), inventory], gateway });

/** The shop and its card processor, which is up before it and down after it. */
export interface Shop extends Launch {
  readonly processor: () => string;
}

export default (): Shop => {
  // A shop of several processes has one card processor, which somebody else has started.
  let url = process.env['SHOP_PROCESSOR'] ?? '';
  let own: RunningProcessor | undefined;
  const client = cards(() => url);
  return {
    fleet: shopOf(client),
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
