import { SeaworthyError } from '../core/errors.ts';

/** A rate of a fault is no probability, or there is no such fault; the message names it. */
export class FaultsInvalid extends SeaworthyError {
  readonly code = 'SW_FAULTS_INVALID';
  readonly kind = 'invalid';
}

/** A storm came to a bad end: its message has the seed that plays it again, and what was wrong. */
export class StormFailed extends SeaworthyError {
  readonly code = 'SW_STORM_FAILED';
  readonly kind = 'internal';
  readonly seed: number;

  constructor(seed: number, what: string, cause?: unknown) {
    super(`the storm of seed ${seed} ended badly, and does so again with \`seed: ${seed}\`: ${what}`, { cause });
    this.seed = seed;
  }
}

/** A play that cannot be: an answer that nobody scripted, a reaction that is not there or that threw; the message names it. */
export class GivenInvalid extends SeaworthyError {
  readonly code = 'SW_GIVEN_INVALID';
  readonly kind = 'invalid';
}
