import { type Condition, well } from '../../core/condition.ts';
import { StoreUnusable } from '../errors.ts';
import { Slots } from './slots.ts';

/** The lanes of a process: so many connections for each kind of work. */
export interface Lanes {
  readonly shared: Slots;
  readonly own: Slots;
  readonly read: Slots;
}

/** One for each lane, and one for what the driver itself does. */
const fewest = 4;

/** Shares `max` connections out to the lanes, and keeps one for the driver itself. Throws `StoreUnusable` when there are too few. */
export function lanesOf(max: number): Lanes {
  if (max < fewest) throw new StoreUnusable(`the database was given ${max} connections: it needs at least ${fewest}`);
  const own = max >= 10 ? 2 : 1;
  const read = Math.max(1, Math.floor(max / 5));
  return { own: new Slots(own), read: new Slots(read), shared: new Slots(max - own - read - 1) };
}

/** Of several addresses, each of which has refused, Node gives no message. */
const reasonOf = (error: unknown): string => (error as Error).message || String((error as { code?: unknown }).code ?? error);

/** What the connections to a database last met. */
export class Reachability {
  readonly #isTrouble: (error: unknown) => boolean;
  #trouble: string | undefined;

  /** `isTrouble` tells the errors that lie in the server or the way to it. */
  constructor(isTrouble: (error: unknown) => boolean) {
    this.#isTrouble = isTrouble;
  }

  /** Records an error, or that the database did what it was asked. A connection alone says little: one to a standby is made, too. */
  met(error?: unknown): void {
    if (error === undefined) this.#trouble = undefined;
    else if (this.#isTrouble(error)) this.#trouble = reasonOf(error);
  }

  /** Records that no connection was made, and returns the error that says so. */
  unreachable(cause: unknown): StoreUnusable {
    this.#trouble = reasonOf(cause);
    return new StoreUnusable(`the database cannot be reached (${this.#trouble}): check that it runs, its address, user and password`, {
      cause,
    });
  }

  condition(): Condition {
    return this.#trouble === undefined ? well : { state: 'failing', why: `its database cannot be used: ${this.#trouble}` };
  }
}
