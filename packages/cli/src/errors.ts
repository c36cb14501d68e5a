import { SeaworthyError } from 'seaworthy/core';

/** An argument or an option is unknown or breaks its rule; the command ends with status 2. */
export class UsageInvalid extends SeaworthyError {
  readonly code = 'SW_CLI_USAGE_INVALID';
  readonly kind = 'invalid';
}

/** The fleet file does not exist; the command ends with status 2. */
export class FleetMissing extends SeaworthyError {
  readonly code = 'SW_CLI_FLEET_MISSING';
  readonly kind = 'not_found';
}

/** The fleet file cannot be loaded or does not export a fleet; the cause says why. */
export class FleetUnusable extends SeaworthyError {
  readonly code = 'SW_CLI_FLEET_UNUSABLE';
  readonly kind = 'invalid';
}

/** The command would overwrite existing files, or a folder that must be empty is not. */
export class FilesInTheWay extends SeaworthyError {
  readonly code = 'SW_CLI_FILES_IN_THE_WAY';
  readonly kind = 'conflict';
}

/** No service of the fleet has a saga with this id. */
export class SagaUnknown extends SeaworthyError {
  readonly code = 'SW_CLI_SAGA_UNKNOWN';
  readonly kind = 'not_found';
}

/** The process of a service ended before the service was ready; its output says why. */
export class ProcessEnded extends SeaworthyError {
  readonly code = 'SW_CLI_PROCESS_ENDED';
  readonly kind = 'unavailable';
}
