import { type Aim, bytesOf, goodRequest, type RequestParts, type Shot, shot } from './shot.ts';
import { hostileJson, jsonWith } from './values.ts';

type Generate = (aim: Aim) => Shot;

/** Splits bytes into a number of pieces. */
function cut(bytes: Buffer, pieces: number): readonly Buffer[] {
  const size = Math.max(1, Math.ceil(bytes.length / pieces));
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

/** Makes a request of the port, either good or with a wrong field. */
function any({ dice, target }: Aim): RequestParts {
  const request = goodRequest(dice.pick(target.spots));
  if (!request.body || dice.chance(0.5)) return request;
  return { ...request, body: Buffer.from(jsonWith(dice, JSON.parse(request.body.toString()), hostileJson(dice))) };
}

const partly = (bytes: Buffer, { dice }: Aim): Buffer => bytes.subarray(0, dice.whole(1, bytes.length - 1));

export const sockets: Readonly<Record<string, Generate>> = {
  slow: (aim) => {
    const request = any(aim);
    const chunks = cut(bytesOf(request), aim.dice.whole(2, 12));
    return shot('socket/slow', request, { chunks, pauseMs: aim.dice.whole(1, 20) });
  },
  bytewise: (aim) => {
    const request = goodRequest(aim.spot);
    return shot('socket/bytewise', request, { chunks: cut(bytesOf(request), 10_000), pauseMs: 0 });
  },
  halfClosed: (aim) => shot('socket/half-closed', any(aim), { manner: 'half-close', answers: 0 }),
  incomplete: (aim) => {
    const request = any(aim);
    return shot('socket/incomplete', partly(bytesOf(request), aim), { methods: [request.method], manner: 'half-close', answers: 0 });
  },
  tooShort: (aim) => {
    const request = goodRequest(aim.spot);
    const framing = [['content-length', String((request.body?.length ?? 0) + aim.dice.whole(1, 100_000))]] as const;
    return shot('socket/too-short', { ...request, framing }, { manner: 'half-close', answers: 0 });
  },
  resetInRequest: (aim) => {
    const request = any(aim);
    return shot('socket/reset-in-request', partly(bytesOf(request), aim), { methods: [request.method], manner: 'reset', answers: 0 });
  },
  reset: (aim) => shot('socket/reset', any(aim), { manner: 'reset', answers: 0 }),
  resetInAnswer: (aim) => shot('socket/reset-in-answer', any(aim), { manner: 'reset-on-answer', answers: 0 }),
  silent: () => shot('socket/silent', Buffer.alloc(0), { manner: 'half-close', answers: 0 }),
  pipelined: (aim) => {
    const requests = Array.from({ length: aim.dice.pick([2, 3, 10, 60]) }, () => any(aim));
    return shot('socket/pipelined', Buffer.concat(requests.map(bytesOf)), {
      methods: requests.map(({ method }) => method),
      answers: requests.length,
    });
  },
  pipelinedBadly: (aim) => {
    const requests = Array.from({ length: aim.dice.whole(1, 4) }, () => goodRequest(aim.spot));
    const bytes = Buffer.concat([
      ...requests.map(bytesOf),
      Buffer.from(aim.dice.pick(['NONSENSE\r\n\r\n', 'GET / HTTP/1.1\r\na b: c\r\n\r\n', '\0\0\0\0'])),
    ]);
    return shot('socket/pipelined-badly', bytes, {
      methods: [...requests.map(({ method }) => method), 'GET'],
      answers: requests.length + 1,
    });
  },
  pipelinedReset: (aim) => {
    const requests = Array.from({ length: aim.dice.whole(2, 20) }, () => any(aim));
    return shot('socket/pipelined-reset', Buffer.concat(requests.map(bytesOf)), {
      methods: requests.map(({ method }) => method),
      manner: aim.dice.pick(['reset', 'reset-on-answer']),
      answers: 0,
    });
  },
};
