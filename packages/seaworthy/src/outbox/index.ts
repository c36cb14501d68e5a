export type { TraceRelation } from '../core/span-link.ts';
export type { AfterCommit, Meta, Subscription } from './attempt.ts';
export { subscription } from './attempt.ts';
export {
  type Consumer,
  type ConsumerDeps,
  type ConsumerOptions,
  consumer,
} from './consumer.ts';
export type { Reason } from './dead-letter.ts';
export {
  type DeadLetter,
  type DeadLetterDetail,
  type DeadLetterFilter,
  type DeadLetters,
  deadLetters,
} from './dead-letters.ts';
export {
  DeadLetterUnknown,
  EventInvalid,
  EventRefused,
  HandlerTimeout,
  SubscriptionInvalid,
} from './errors.ts';
export type { FailedAttempt, RecordedError } from './history.ts';
export { type Collector, type CollectorOptions, collector } from './outbox.ts';
export type { EventsOf, Publish } from './publish.ts';
export {
  type Relay,
  type RelayDeps,
  type RelayOptions,
  relay,
} from './relay.ts';
export type { RetryScheduleOptions } from './retry-schedule.ts';
export { outboxMigrations } from './tables.ts';
