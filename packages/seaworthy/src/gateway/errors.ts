import { SeaworthyError } from '../core/errors.ts';

/** Two routes collide, or the definition of a route or an aggregate is invalid. */
export class GatewayInvalid extends SeaworthyError {
  readonly code = 'SW_GATEWAY_INVALID';
  readonly kind = 'invalid';
}
