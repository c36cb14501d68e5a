/** A message from the process that runs the fleet to the process that watches its sources. */
export type FromChild =
  | { readonly kind: 'loaded'; readonly path: string; readonly mtimeMs: number }
  /** The port that the gateway listens on; a restart uses it again. */
  | { readonly kind: 'listening'; readonly port: number };

/** The only message to the process that runs the fleet. */
export const stopMessage = 'stop';
