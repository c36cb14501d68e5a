import { STATUS_CODES } from 'node:http';
import type { FastifyError } from 'fastify';
import { type HttpReply, problemReply } from './reply.ts';

/** Makes a refusal by the HTTP layer itself, before any route. */
export const refusal = (status: number, detail: string, code: string, headers?: Readonly<Record<string, string>>): HttpReply =>
  problemReply({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Bad Request', status, detail, code }, headers);

const longest = 200;

export const unknownRoute = (method: string, url: string): HttpReply =>
  refusal(404, `there is no ${method} ${url.split('?', 1)[0]?.slice(0, longest)} here`, 'SW_HTTP_ROUTE_UNKNOWN');

/** Translates a refusal of the framework to a problem document; `undefined` for any other error. */
export function refused({ code, statusCode = 500 }: FastifyError): HttpReply | undefined {
  if (code === 'FST_ERR_BAD_URL') return refusal(400, 'path: is not percent-encoded UTF-8', 'SW_HTTP_BAD_REQUEST');
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return refusal(414, 'path: has a segment that is too long', 'SW_HTTP_BAD_REQUEST');
  if (statusCode < 400 || statusCode >= 500) return undefined;
  return refusal(statusCode, 'the request breaks a rule of HTTP', 'SW_HTTP_BAD_REQUEST');
}

interface Asked {
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** The names and values of the headers in turn, as received. */
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Node silently keeps only the first duplicate of these headers; another server may keep the last. */
const once = new Set(['host', 'content-type']);

/** Matches `uri-host [ ":" port ]` (RFC 9112, 3.2; RFC 3986, 3.2.2; RFC 6874), or nothing. */
const host = /^(?:\[(?:[\da-f:.]+(?:%25[\w.~%-]+)?|v[\da-f]+\.[\w.~!$&'()*+,;=:-]+)\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::\d*)?$/i;

/** Refuses a request whose target or headers are ambiguous (RFC 9112, 3.2 and 6.1; RFC 9110, 5.3 and 8.4). */
export function refusedHead({ url = '', httpVersion, rawHeaders, headers }: Asked): HttpReply | undefined {
  const seen: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const raw = rawHeaders[index] as string;
    if (raw.length !== 4 && raw.length !== 12) continue;
    const name = raw.toLowerCase();
    if (!once.has(name)) continue;
    if (seen.includes(name)) return refusal(400, `${name}: was sent more than once: send it once`, 'SW_HTTP_BAD_REQUEST');
    seen.push(name);
  }
  if (headers['host'] === undefined && httpVersion === '1.1') return refusal(400, 'host: is missing: send it once', 'SW_HTTP_BAD_REQUEST');
  if (headers['host'] !== undefined && !host.test(String(headers['host'])))
    return refusal(400, 'host: must be a host name or an address, with or without a port', 'SW_HTTP_BAD_REQUEST');
  if (url.includes('#')) return refusal(400, 'path: must not have a fragment, which starts with #', 'SW_HTTP_BAD_REQUEST');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (httpVersion === '1.0' || String(coding).trim().toLowerCase() !== 'chunked'))
    return refusal(400, 'transfer-encoding: must be chunked, over HTTP/1.1', 'SW_HTTP_BAD_REQUEST', { connection: 'close' });
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return undefined;
  return refusal(415, 'content-encoding: is not supported: send the body without encoding', 'SW_HTTP_MEDIA_TYPE');
}
