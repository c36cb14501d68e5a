import { Pool } from 'undici';
import { writeHeaders } from '../../contract/headers.ts';
import { requestOf } from '../../contract/request.ts';
import { answerOf } from '../../contract/response.ts';
import { httpDate } from '../../contract/retry-after.ts';
import { longestTimerMs, systemClock } from '../../core/clock.ts';
import { disposable } from '../../core/disposable.ts';
import { type Duration, milliseconds } from '../../core/duration.ts';
import { checkOptions } from '../../core/options.ts';
import { textOf } from '../../core/thrown.ts';
import { isBeyondLimit } from '../../resilience/classify.ts';
import { AnswerTooLarge, Unreachable } from '../errors.ts';
import type { CallRequest, Transport } from '../transport.ts';
import { type Exchanged, exchange } from './exchange.ts';

export interface HttpOptions {
  /** The most connections, which are kept alive. Default 100: as many as a bulkhead admits. */
  readonly connections?: number;
  /** How long a connection attempt may take. Default 2 s. */
  readonly connect?: Duration;
  /** The most bytes of an answer. Default 8 MiB. */
  readonly answerLimit?: number;
}

const header = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value.join(', ') : value);

/** The deadline bounds the whole call, so undici's own limit of five minutes is off. */
const unbounded = { headersTimeout: 0, bodyTimeout: 0 } as const;

/** Returns a transport that calls the service at `url` over HTTP/1.1, with a pool of connections. */
export function http(url: string, options: HttpOptions = {}): Transport & AsyncDisposable {
  checkOptions('http', options, { connections: true, connect: true, answerLimit: true });
  const { connections = 100, connect = '2s', answerLimit = 8 * 1024 * 1024 } = options;
  const timeout = Math.min(milliseconds(connect, 'connect'), longestTimerMs);
  const pool = new Pool(url, { connections, connect: { timeout }, maxResponseSize: answerLimit });
  return disposable({
    async send({ operation, input, key, deadline, undoes, attempt, trace, signal }: CallRequest) {
      const { method, path, body } = requestOf(operation, input);
      const what = (): string => `${method} ${url}${path.split('?', 1)[0]}`;
      const headers = writeHeaders({ key, deadlineMs: deadline?.remaining(), undoes, attempt }, trace);
      if (body !== undefined) headers['content-type'] = 'application/json';
      let answered: Exchanged;
      try {
        answered = await exchange(pool, { method: method as 'GET', path, headers, body: body ?? null, ...(deadline && unbounded) }, signal);
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (isBeyondLimit(cause))
          throw new AnswerTooLarge(
            `${what()} gave an answer beyond a limit of this caller (${textOf(cause)}): an answer may have ${answerLimit} bytes; ask for less, or raise \`answerLimit\``,
            { cause },
          );
        throw new Unreachable(`${what()} got no answer (${textOf(cause)}): check that the service runs at this address`, { cause });
      }
      const { status, text } = answered;
      const contentType = header(answered.headers['content-type']);
      const { date, 'retry-after': retryAfter } = answered.headers;
      const now = systemClock.now();
      const at = httpDate(header(date) ?? '', now) ?? now;
      const answer = answerOf(operation, { status, contentType, retryAfter, at, body: text });
      if (answer) return answer;
      throw new Unreachable(
        `${what()} was answered ${status} with ${contentType ?? 'no content type'}, which is not an answer of a Seaworthy service: check the address`,
      );
    },
    close: () => pool.destroy(),
  });
}
