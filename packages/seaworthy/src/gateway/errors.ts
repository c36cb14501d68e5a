import { SeaworthyError } from '../core/errors.ts';

/** Routes that collide, or an aggregate that cannot be put together. */
export class GatewayInvalid extends SeaworthyError {
  readonly code = 'SW_GATEWAY_INVALID';
  readonly kind = 'invalid';
}
