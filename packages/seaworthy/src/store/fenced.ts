import type { TransactionOptions } from './store.ts';

/** Options of transactions whose writes each name an owner, a version or a primary key: this fence is all the isolation that they need. */
export const fenced: TransactionOptions = { isolation: 'read committed' };

/** Options of fenced transactions by which other processes judge this one, such as heartbeats and leases: they do not wait for handlers. */
export const vital: TransactionOptions = { ...fenced, lane: 'own' };

/**
 * A condition on the column `owner` of the one row that a key selects. No index of owners serves it: by such an index PostgreSQL would read
 * every row of the worker, and serializable transactions of one worker would conflict with each other.
 */
export const ownedBy = "coalesce(owner, '') = ?";
