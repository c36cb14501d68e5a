export type { CommandContext, EventContext, ExternalContext, QueryContext, RemoteQueryContext } from './context.ts';
export { IntentStranded, ServiceInvalid } from './errors.ts';
export { type CommandHandler, external, type Handler, type QueryHandler, type Reaction, remote } from './handler.ts';
export type { Refusal } from './refusal.ts';
export { type Service, service } from './service.ts';
