/** The parts of a bus driver that every engine shares. The port itself, its types and errors are in `seaworthy/bus`. */
export { type Condition, well, worst } from '../core/condition.ts';
export { inTurn, together } from '../core/ends.ts';
export { type Loop, loop } from '../core/loop.ts';
export { type Delivery, type Dispatch, dispatch } from './dispatch.ts';
export { type Incoming, incoming, orderingKey, type Standing } from './incoming.ts';
export { keyHash } from './key-hash.ts';
export { type Message, readMessage } from './message.ts';
export { checkedOptions, type Subscribing, type Written, written } from './options.ts';
export { Partition } from './partition.ts';
export { verifyByPlan } from './topology.ts';
