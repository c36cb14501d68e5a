import { SeaworthyError } from 'seaworthy/core';

/** The command was called in a way that it does not know; it ends with status 2. */
export class UsageInvalid extends SeaworthyError {
  readonly code = 'SW_CLI_USAGE_INVALID';
  readonly kind = 'invalid';
}

/** There is no fleet file where one was named, or where one is looked for; it ends with status 2. */
export class FleetMissing extends SeaworthyError {
  readonly code = 'SW_CLI_FLEET_MISSING';
  readonly kind = 'not_found';
}

/** The fleet file cannot be loaded; the cause says why. */
export class FleetUnusable extends SeaworthyError {
  readonly code = 'SW_CLI_FLEET_UNUSABLE';
  readonly kind = 'invalid';
}

/** A new service would be written over files that are there. */
export class FilesInTheWay extends SeaworthyError {
  readonly code = 'SW_CLI_FILES_IN_THE_WAY';
  readonly kind = 'conflict';
}

/** No service of the fleet has a saga of this id. */
export class SagaUnknown extends SeaworthyError {
  readonly code = 'SW_CLI_SAGA_UNKNOWN';
  readonly kind = 'not_found';
}

/** The process of one service ended before it ran; what it printed says why. */
export class ProcessEnded extends SeaworthyError {
  readonly code = 'SW_CLI_PROCESS_ENDED';
  readonly kind = 'unavailable';
}
