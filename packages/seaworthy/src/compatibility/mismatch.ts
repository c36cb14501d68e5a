/** One reason why a reader does not accept what a writer may write, or may not accept it. */
export interface Mismatch {
  /** The place within the value: `.items[].quantity`. */
  readonly path: string;
  readonly rule: string;
  readonly severity: 'breaking' | 'undecided';
  /** What the reader demands: `must be at least 1`. */
  readonly needs: string;
  /** What the writer may write: `may be 0`. */
  readonly may: string;
}

/** Adds a mismatch: what the reader demands, and what the writer may write instead. Default severity `breaking`. */
export type Report = (rule: string, needs: string, may: string, severity?: Mismatch['severity']) => void;
