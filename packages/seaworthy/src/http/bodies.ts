import type { IncomingMessage } from 'node:http';
import { systemClock, type Timer } from '../core/clock.ts';
import { type Duration, milliseconds } from '../core/duration.ts';
import type { OptionNames } from '../core/options.ts';
import { refusal } from './refusal.ts';
import type { HttpReply } from './reply.ts';

/** The limits on the bodies of requests. */
export interface BodyLimits {
  /** The largest body, in bytes. Default 1 MiB. */
  readonly each?: number;
  /** The largest total of all bodies in flight, in bytes. Default 64 MiB. */
  readonly together?: number;
  /** The longest pause of a client within a body. Default 5 s. */
  readonly stall?: Duration;
}

export const bodyNames: OptionNames<BodyLimits> = { each: true, together: true, stall: true };

/** The bytes of a body, `undefined` if there is none, or the refusal of the body. */
export type Received =
  | { readonly bytes: Buffer | undefined }
  | {
      readonly refusal: HttpReply;
      /** Whether the connection closes after the refusal. */
      readonly last: boolean;
    };

/** Receives the bodies of requests. */
export interface Bodies {
  /** Receives the body of `request`. Never rejects. */
  receive(request: IncomingMessage): Promise<Received>;
}

/** A body that is being received. */
interface Unfinished {
  held: number;
  evict(): void;
}

const nothing: Received = { bytes: undefined };
const empty = Buffer.alloc(0);
const smallest = 4096;

const tooLarge: Received = {
  refusal: refusal(413, 'body: is larger than this server accepts: send less in one request', 'SW_HTTP_BODY_TOO_LARGE'),
  last: false,
};
const otherType: Received = { refusal: refusal(415, 'content-type: send application/json', 'SW_HTTP_MEDIA_TYPE'), last: false };
const otherLength: Received = {
  refusal: refusal(400, 'body: does not match the length or encoding in its headers', 'SW_HTTP_BAD_REQUEST'),
  last: true,
};
const tooSlow: Received = { refusal: refusal(408, 'body: no more of it came in time', 'SW_HTTP_MALFORMED'), last: true };
const tooMany: Received = {
  refusal: refusal(503, 'the bodies in flight exceed what this server accepts together: try again soon', 'SW_HTTP_OVERLOADED', {
    'retry-after': '1',
  }),
  last: true,
};

const isJson = (type: string | undefined): boolean => type?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';

/**
 * Receives bodies within limits. If the total would exceed `together`, the largest body is refused, so that a small request gets through
 * beside many large ones that never end.
 */
export function bodies({ each = 1024 * 1024, together = 64 * 1024 * 1024, stall = '5s' }: BodyLimits = {}): Bodies {
  const stallMs = milliseconds(stall, 'bodies.stall');
  const unfinished = new Set<Unfinished>();
  let total = 0;

  function hold(one: Unfinished, bytes: number): void {
    one.held += bytes;
    total += bytes;
    while (total > together) {
      // Of equal bodies the oldest one is refused.
      let largest: Unfinished | undefined;
      for (const other of unfinished) if (!largest || other.held > largest.held) largest = other;
      largest?.evict();
    }
  }

  return {
    receive(request) {
      const { 'content-length': length, 'content-type': type, 'transfer-encoding': encoding } = request.headers;
      const declared = encoding === undefined ? Number(length ?? 0) : undefined;
      if (declared === 0) return Promise.resolve(nothing);
      if (declared !== undefined && !isJson(type)) return Promise.resolve(otherType);
      if (declared !== undefined && declared > each) return Promise.resolve(tooLarge);
      return new Promise((resolve) => {
        let kept: Buffer = empty;
        let size = 0;
        const one: Unfinished = { held: 0, evict: () => settle(tooMany) };

        function settle(received: Received): void {
          if (!unfinished.delete(one)) return;
          total -= one.held;
          kept = empty;
          stalling.cancel();
          request.off('data', data).off('end', end).off('close', left);
          resolve(received);
        }
        function data(piece: Buffer): void {
          stalling.cancel();
          stalling = watch();
          const before = size;
          size += piece.length;
          if (!isJson(type)) return void settle(otherType);
          if (size > each) return void settle(tooLarge);
          if (before === 0 && size === declared) {
            kept = piece;
            return void hold(one, size);
          }
          if (size > kept.length) {
            // The buffer doubles its size, so that many small pieces cost no more than a few large ones.
            const room = Math.max(size, 2 * kept.length, Math.min(smallest, each));
            const grown = Buffer.allocUnsafeSlow(Math.min(room, declared ?? each));
            kept.copy(grown, 0, 0, before);
            const more = grown.length - kept.length;
            kept = grown;
            hold(one, more);
          }
          // `hold` may just have refused this body.
          if (unfinished.has(one)) piece.copy(kept, before);
        }
        const end = (): void => settle(size === 0 ? nothing : { bytes: kept.subarray(0, size) });
        const left = (): void => settle(otherLength);
        // The timer of the connection belongs to its responses, so that the body has its own.
        const watch = (): Timer => systemClock.after(stallMs, () => settle(tooSlow), { background: true });
        let stalling = watch();

        unfinished.add(one);
        request.on('data', data).on('end', end).on('close', left);
      });
    },
  };
}
