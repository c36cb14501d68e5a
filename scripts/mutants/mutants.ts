import { client } from './list/client.ts';
import { outbox } from './list/outbox.ts';
import { saga } from './list/saga.ts';
import { service } from './list/service.ts';
import { store } from './list/store.ts';
import type { Mutant } from './mutant.ts';

/** All slips. */
export const mutants: readonly Mutant[] = [...store, ...outbox, ...saga, ...service, ...client];
