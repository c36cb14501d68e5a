import type { Clock } from './clock.ts';

/** Something that happens unless it is taken off the wheel before. */
export interface Spoke {
  /** Where it hangs; the wheel's own. */
  previous: Spoke | undefined;
  next: Spoke | undefined;
  at: number;
  slot: number;
  expire(): void;
}

const slots = 512;

/**
 * Many short timers for the price of one: a hashed timing wheel (Varghese and Lauck, 1987, scheme 6). Adding and removing
 * cost a few pointer writes and allocate nothing. Runs at most one tick (10 ms) late, never early.
 */
export class Wheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #heads: (Spoke | undefined)[] = new Array(slots).fill(undefined);
  #count = 0;
  #turned = 0;
  #turning = false;

  constructor(clock: Clock, tickMs = 10) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** `now` is the clock's monotonic time, which the caller has at hand. */
  add(spoke: Spoke, ms: number, now: number): void {
    spoke.at = now + ms;
    // The slot of this very moment has been passed already: what is due now expires with the next tick.
    const slot = Math.max(Math.ceil(spoke.at / this.#tickMs), Math.floor(now / this.#tickMs) + 1) % slots;
    const head = this.#heads[slot];
    spoke.slot = slot;
    spoke.previous = undefined;
    spoke.next = head;
    if (head) head.previous = spoke;
    this.#heads[slot] = spoke;
    this.#count++;
    if (!this.#turning) this.#start(now);
  }

  /** Does nothing when it has run or was removed before. */
  remove(spoke: Spoke): void {
    if (spoke.slot < 0) return;
    if (spoke.previous) spoke.previous.next = spoke.next;
    else this.#heads[spoke.slot] = spoke.next;
    if (spoke.next) spoke.next.previous = spoke.previous;
    spoke.slot = -1;
    spoke.previous = undefined;
    spoke.next = undefined;
    this.#count--;
  }

  #start(now: number): void {
    this.#turning = true;
    this.#turned = Math.floor(now / this.#tickMs);
    this.#next(now);
  }

  /** Turns fall on whole ticks, so that nothing waits for two of them. */
  #next(now: number): void {
    this.#clock.after(this.#tickMs - (now % this.#tickMs), this.#turn);
  }

  readonly #turn = (): void => {
    const now = this.#clock.monotonic();
    const tick = Math.floor(now / this.#tickMs);
    // A long pause passes many ticks, but no slot twice.
    for (let step = Math.max(this.#turned + 1, tick - slots + 1); step <= tick; step++) this.#expire(step % slots, now);
    this.#turned = Math.max(this.#turned, tick);
    if (this.#count === 0) this.#turning = false;
    else this.#next(now);
  };

  #expire(slot: number, now: number): void {
    for (let spoke = this.#heads[slot]; spoke; ) {
      const next: Spoke | undefined = spoke.next;
      if (spoke.at <= now) {
        this.remove(spoke);
        spoke.expire();
      }
      // What expired may have removed its neighbour: then begin again, the rest of the slot is short.
      spoke = next && next.slot !== slot ? this.#heads[slot] : next;
    }
  }
}

const wheels = new WeakMap<Clock, Wheel>();

/** The one wheel of a clock. */
export function wheelOf(clock: Clock): Wheel {
  let wheel = wheels.get(clock);
  if (!wheel) {
    wheel = new Wheel(clock);
    wheels.set(clock, wheel);
  }
  return wheel;
}
