/** A value that a writer may write and a reader does not accept, or may not. */
export interface Misfit {
  /** From the value itself: `.items[].quantity`. */
  readonly path: string;
  readonly rule: string;
  readonly verdict: 'breaking' | 'cannot tell';
  /** What the reader asks for: `must be at least 1`. */
  readonly needs: string;
  /** What the writer may do: `may be 0`. */
  readonly may: string;
}

/** Adds what the reader needs, and what the writer may do instead; breaking unless told. */
export type Say = (rule: string, needs: string, may: string, verdict?: Misfit['verdict']) => void;
