import { SeaworthyError } from '../core/errors.ts';

/** `rates` has a name that is not a fault, or a rate that is not from 0 to 1; the message names it. */
export class FaultsInvalid extends SeaworthyError {
  readonly code = 'SW_FAULTS_INVALID';
  readonly kind = 'invalid';
}

/** A storm failed: its message has the reason, and the seed that repeats it. */
export class StormFailed extends SeaworthyError {
  readonly code = 'SW_STORM_FAILED';
  readonly kind = 'internal';
  readonly seed: number;

  constructor(seed: number, what: string, cause?: unknown) {
    super(`storm with seed ${seed} failed: ${what}; repeat it with \`seed: ${seed}\``, { cause });
    this.seed = seed;
  }
}

/** A test with `given` lacks an answer, or its reaction or command is missing or failed; the message names it. */
export class GivenInvalid extends SeaworthyError {
  readonly code = 'SW_GIVEN_INVALID';
  readonly kind = 'invalid';
}
