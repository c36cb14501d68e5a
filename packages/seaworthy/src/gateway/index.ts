export { type Aggregate, type Answer, aggregate } from './aggregate.ts';
export { GatewayInvalid } from './errors.ts';
export { type Gateway, gateway, type Route } from './gateway.ts';
export { PartsMissing } from './gather.ts';
export type { Part, PartStatus } from './part.ts';
export { route } from './route.ts';
export type { Trust } from './serve.ts';
