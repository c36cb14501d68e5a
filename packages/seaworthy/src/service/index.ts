export type { CommandContext, EventContext, ExternalContext, QueryContext, RemoteQueryContext } from './context.ts';
export { IntentStranded } from './errors.ts';
export { external, type Handler, type Reaction } from './handler.ts';
export type { Refusal } from './refusal.ts';
export { type Service, ServiceInvalid, service } from './service.ts';
