import { SeaworthyError } from '../core/errors.ts';

/** The server cannot listen on its address: it is in use, or this process may not use it. */
export class ListenFailed extends SeaworthyError {
  readonly code = 'SW_LISTEN_FAILED';
  readonly kind = 'unavailable';
}

/** The client disconnected before it had its response. */
export class ClientGone extends SeaworthyError {
  readonly code = 'SW_CLIENT_GONE';
  readonly kind = 'cancelled';
}

/** A route threw an error that is not one of this toolkit. */
export class RequestFailed extends SeaworthyError {
  readonly code = 'SW_REQUEST_FAILED';
  readonly kind = 'internal';
}
