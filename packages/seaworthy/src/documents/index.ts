export { type AsyncApi, asyncapi } from './asyncapi.ts';
export { type DocumentOptions, type OpenApi, type OpenApiOptions, openapi } from './openapi.ts';
