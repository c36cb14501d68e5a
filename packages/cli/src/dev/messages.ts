/** What the process that runs the fleet tells the one that watches its sources. */
export type FromChild =
  | { readonly kind: 'loaded'; readonly path: string; readonly mtimeMs: number }
  /** The port that was taken, so that a restart takes it again. */
  | { readonly kind: 'listening'; readonly port: number };

/** The one thing that it is told. */
export const stopMessage = 'stop';
