export { type AsyncApi, asyncapi } from './asyncapi.ts';
export type { DocumentOptions } from './document.ts';
export { type OpenApi, type OpenApiOptions, openapi } from './openapi.ts';
