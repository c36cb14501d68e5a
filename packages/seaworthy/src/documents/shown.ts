import type { At, Operation } from '../contract/contract.ts';
import type { Http } from '../contract/http.ts';

export interface ShownOperation {
  readonly kind: 'operation';
  readonly operation: Operation & At;
}

/** An answer put together from several operations. */
export interface ShownAggregate {
  readonly kind: 'aggregate';
  readonly parts: Readonly<Record<string, { readonly operation: Operation & At; readonly required: boolean }>>;
  /** Whose declared 404 is the answer to the whole. */
  readonly decisive: readonly (Operation & At)[];
  /** A function makes the body of the parts, so that nothing can be said of it. */
  readonly shaped: boolean;
}

/** What a route of a gateway does, as a document says it. */
export type Shown = ShownOperation | ShownAggregate;

/** What has routes, such as a gateway; one that shows nothing is left out. */
export interface Routed {
  readonly routes: readonly { readonly http: Http; readonly shows?: Shown | undefined }[];
}
