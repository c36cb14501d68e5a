import { z } from 'zod';
import { command, contract } from '../contract/contract.ts';
import { saga } from '../saga/definition.ts';
import type { Given } from './given.ts';

const Trip = z.object({ id: z.string() });
const hotel = contract('hotel', {
  book: command({ http: 'POST /book', input: Trip, output: z.object({ room: z.int() }), errors: { Full: { status: 409 } } }),
});
const journey = saga(hotel, 'journey', { input: Trip, uses: [hotel] });

declare const play: Given;

play.when(hotel.book, { answers: { room: 1 } }, { fails: 'Full' }, 'unknown', 'nothing');
// @ts-expect-error the output of the operation has a room
play.when(hotel.book, { answers: { seat: 1 } });
// @ts-expect-error the operation declares no such error
play.when(hotel.book, { fails: 'Closed' });
// @ts-expect-error the input of the saga has an id
void play.saga(journey, {});
