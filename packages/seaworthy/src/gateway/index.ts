export { type Aggregate, type Answer, aggregate, type Part, type PartStatus } from './aggregate.ts';
export { GatewayInvalid } from './errors.ts';
export { type Gateway, gateway, type Route } from './gateway.ts';
export { PartsMissing } from './gather.ts';
export { route } from './route.ts';
