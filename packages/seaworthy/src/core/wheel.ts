import type { Clock } from './clock.ts';

/** A timer on the wheel, which expires unless it is removed before. */
export interface TimerNode {
  /** The neighbours in its slot; the wheel alone writes these fields. */
  previous: TimerNode | undefined;
  next: TimerNode | undefined;
  at: number;
  slot: number;
  expire(): void;
}

const slots = 512;

/**
 * A hashed timing wheel (Varghese and Lauck, 1987, scheme 6): many short timers for the cost of one. Adding and removing take a few
 * pointer writes and allocate nothing. A timer expires at most one tick (10 ms) late, and never early.
 */
export class Wheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #heads: (TimerNode | undefined)[] = new Array(slots).fill(undefined);
  #count = 0;
  #turned = 0;
  #turning = false;

  constructor(clock: Clock, tickMs = 10) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** Adds a timer that expires after `ms`. `now` is the clock's monotonic time. */
  add(node: TimerNode, ms: number, now: number): void {
    node.at = now + ms;
    // The current slot has been handled already, so that a timer that is due now expires at the next tick.
    const slot = Math.max(Math.ceil(node.at / this.#tickMs), Math.floor(now / this.#tickMs) + 1) % slots;
    const head = this.#heads[slot];
    node.slot = slot;
    node.previous = undefined;
    node.next = head;
    if (head) head.previous = node;
    this.#heads[slot] = node;
    this.#count++;
    if (!this.#turning) this.#start(now);
  }

  /** Removes a timer. Does nothing if it has expired or was removed before. */
  remove(node: TimerNode): void {
    if (node.slot < 0) return;
    if (node.previous) node.previous.next = node.next;
    else this.#heads[node.slot] = node.next;
    if (node.next) node.next.previous = node.previous;
    node.slot = -1;
    node.previous = undefined;
    node.next = undefined;
    this.#count--;
  }

  #start(now: number): void {
    this.#turning = true;
    this.#turned = Math.floor(now / this.#tickMs);
    this.#next(now);
  }

  /** Schedules the next turn on a whole tick, so that no timer waits for two of them. */
  #next(now: number): void {
    this.#clock.after(this.#tickMs - (now % this.#tickMs), this.#turn);
  }

  readonly #turn = (): void => {
    const now = this.#clock.monotonic();
    const tick = Math.floor(now / this.#tickMs);
    // After a long pause many ticks have passed, but each slot is handled once.
    for (let step = Math.max(this.#turned + 1, tick - slots + 1); step <= tick; step++) this.#expire(step % slots, now);
    this.#turned = Math.max(this.#turned, tick);
    if (this.#count === 0) this.#turning = false;
    else this.#next(now);
  };

  #expire(slot: number, now: number): void {
    for (let node = this.#heads[slot]; node; ) {
      const next: TimerNode | undefined = node.next;
      if (node.at <= now) {
        this.remove(node);
        node.expire();
      }
      // An expired timer may have removed its neighbour. Then start again: the rest of the slot is short.
      node = next && next.slot !== slot ? this.#heads[slot] : next;
    }
  }
}

const wheels = new WeakMap<Clock, Wheel>();

/** Returns the one wheel of a clock. */
export function wheelOf(clock: Clock): Wheel {
  let wheel = wheels.get(clock);
  if (!wheel) {
    wheel = new Wheel(clock);
    wheels.set(clock, wheel);
  }
  return wheel;
}
