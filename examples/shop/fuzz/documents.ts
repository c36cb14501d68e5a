import { contract, query } from 'seaworthy/contract';
import { z } from 'zod';

const input = z.object({});

/** The paths that every port has beside its operations. The large files of the viewer are left out, since they are served like `start`. */
export const documents = contract('documents', {
  openapi: query({
    http: 'GET /openapi.json',
    input,
    output: z.looseObject({ openapi: z.literal('3.1.0'), paths: z.looseObject({}), components: z.looseObject({}) }),
  }),
  asyncapi: query({
    http: 'GET /asyncapi.json',
    input,
    output: z.looseObject({ asyncapi: z.literal('3.0.0'), channels: z.looseObject({}), components: z.looseObject({}) }),
  }),
  page: query({ http: 'GET /docs', input, output: z.string().startsWith('<!doctype html>') }),
  start: query({ http: 'GET /docs/start.js', input, output: z.string().startsWith('SwaggerUIBundle(') }),
});
