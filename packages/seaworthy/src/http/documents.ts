import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type HttpReply, problemReply } from './reply.ts';
import type { HttpRoute } from './server.ts';

/** The optional peer package that contains the files of Swagger UI. */
export const viewer = '@fastify/swagger-ui';

/** The documents of a server. */
export interface Documents {
  /** Makes the document at its first request; the result is kept. */
  readonly openapi: () => object;
  readonly asyncapi: () => object;
  /** Returns the folder of the viewer's files; `undefined` when it is not installed. Default the folder of `@fastify/swagger-ui`. */
  readonly viewerFolder?: () => string | undefined;
}

const json = (make: () => object): (() => Promise<HttpReply>) => {
  let text: string | undefined;
  return async () => {
    text ??= JSON.stringify(make());
    return { status: 200, headers: { 'content-type': 'application/json' }, body: text };
  };
};

function installed(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${viewer}/package.json`)), 'static');
  } catch {
    return undefined; // the viewer is not installed; the page says so
  }
}

const missing = (): HttpReply =>
  problemReply({
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    code: 'SW_DOCUMENTS_VIEWER_MISSING',
    detail: `the page needs the package ${viewer}: run "npm install ${viewer}"; /openapi.json is there without it`,
  });

/** The policy forbids requests to other servers. Swagger UI needs inline styles and data images. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// All addresses are relative, so that a proxy may serve the page below a prefix.
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

// By default Swagger UI sends the document to an external validator; validatorUrl turns that off.
const script = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#api', validatorUrl: null, deepLinking: true });
`;

const files: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** Makes the routes `/openapi.json`, `/asyncapi.json`, and `/docs`, a page that shows the first, or 404 without its package. */
export function documentRoutes({ openapi, asyncapi, viewerFolder = installed }: Documents): readonly HttpRoute[] {
  const get = (path: string, handle: HttpRoute['handle']): HttpRoute => ({ method: 'GET', path, handle });
  const text = (type: string, body: string): HttpReply => ({
    status: 200,
    headers: { 'content-type': type, 'content-security-policy': policy, 'x-content-type-options': 'nosniff' },
    body,
  });
  const seen =
    (answer: (folder: string) => HttpReply | Promise<HttpReply>): HttpRoute['handle'] =>
    async () => {
      const folder = viewerFolder();
      return folder === undefined ? missing() : answer(folder);
    };
  return [
    get('/openapi.json', json(openapi)),
    get('/asyncapi.json', json(asyncapi)),
    get(
      '/docs',
      seen(() => text('text/html; charset=utf-8', page)),
    ),
    get(
      '/docs/start.js',
      seen(() => text('text/javascript; charset=utf-8', script)),
    ),
    ...Object.entries(files).map(([name, type]) =>
      // The files are read at each request: they take 1.5 MB and are requested seldom.
      get(
        `/docs/${name}`,
        seen(async (folder) => text(type, await readFile(join(folder, name), 'utf8'))),
      ),
    ),
  ];
}

/** Returns the routes of `more` whose method and path are not in `routes`. */
export const besides = (routes: readonly HttpRoute[], more: readonly HttpRoute[]): readonly HttpRoute[] =>
  more.filter(({ method, path }) => !routes.some((route) => route.method === method && route.path === path));
