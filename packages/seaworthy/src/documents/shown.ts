import type { Bound, Operation } from '../contract/contract.ts';
import type { Http } from '../contract/http.ts';

/** A route to one operation, as a document shows it. */
export interface ShownOperation {
  readonly kind: 'operation';
  readonly operation: Operation & Bound;
}

/** A route that combines the answers of several operations, as a document shows it. */
export interface ShownAggregate {
  readonly kind: 'aggregate';
  readonly parts: Readonly<Record<string, { readonly operation: Operation & Bound; readonly required: boolean }>>;
  /** The operations whose declared 404 is the answer of the whole aggregate. */
  readonly decisive: readonly (Operation & Bound)[];
  /** Whether a function makes the body from the parts, so that its form is unknown. */
  readonly shaped: boolean;
}

/** A route of a gateway, as a document shows it. */
export type Shown = ShownOperation | ShownAggregate;

/** An object with routes, such as a gateway. A document leaves out routes without `shows`. */
export interface Routed {
  readonly routes: readonly { readonly http: Http; readonly shows?: Shown | undefined }[];
}
