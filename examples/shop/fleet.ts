import { type Fleet, fleet } from 'seaworthy/fleet';
import gateway from './gateway.ts';
import inventory from './inventory/service.ts';
import orders from './orders/service.ts';
import type { Cards } from './payments/cards.ts';
import payments from './payments/service.ts';

export default (cards: Cards): Fleet => fleet({ services: [orders, payments(cards), inventory], gateway });
