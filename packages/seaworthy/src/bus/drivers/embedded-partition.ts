/** How far a member is with one partition. Events are done in any order; what counts is up to where all of them are. */
export class Partition {
  /** Up to here the log was looked through for it. */
  seen: number;
  /** What others find if this process dies. */
  saved: number;
  /** It belongs to another, who gets it once nothing of it is in hand. */
  leaving = false;
  /** Another has it already. */
  lost = false;
  /** Up to here a member that died may have had its events in hand. */
  readonly orphanedTo: number;
  /** Positions in hand; a set keeps the order in which they came. */
  readonly #open = new Set<number>();

  constructor(position: number, orphanedTo = 0) {
    this.orphanedTo = orphanedTo;
    this.seen = position;
    this.saved = position;
  }

  hand(position: number): void {
    this.#open.add(position);
  }

  finish(position: number): void {
    this.#open.delete(position);
  }

  get idle(): boolean {
    return this.#open.size === 0;
  }

  /** The last position up to which nothing is left to do. */
  get done(): number {
    const [first] = this.#open;
    return first === undefined ? this.seen : first - 1;
  }
}
