import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Parsed, parsed } from './answers.ts';
import type { Shot } from './shot.ts';

/** The longest time of a connection. */
const patienceMs = 60_000;

export interface Exchange extends Parsed {
  readonly ended: 'closed' | 'reset' | 'nothing more came';
}

/** Sends a shot, and reads until the other side closes or all responses have arrived. */
export function exchange(port: number, { chunks, pauseMs, manner, methods, answers }: Shot): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let received = Buffer.alloc(0);
    let ended: Exchange['ended'] = 'closed';
    const timer = setTimeout(() => {
      ended = 'nothing more came';
      socket.destroy();
    }, patienceMs);
    const enough = (): boolean => parsed(received, methods, false).answers.length >= Math.max(answers, methods.length);

    async function send(): Promise<void> {
      for (const chunk of chunks) {
        if (socket.destroyed) return;
        socket.write(chunk);
        if (chunks.length > 1) await pause(pauseMs);
      }
      if (manner === 'half-close') socket.end();
      if (manner === 'reset') socket.resetAndDestroy();
    }
    socket
      .on('connect', () => void send())
      .on('data', (data: Buffer) => {
        received = Buffer.concat([received, data]);
        if (manner === 'reset-on-answer') socket.resetAndDestroy();
        else if (enough()) socket.end();
      })
      .on('end', () => socket.end())
      .on('error', () => {
        ended = 'reset';
      })
      .on('close', () => {
        clearTimeout(timer);
        resolve({ ended, ...parsed(received, methods, true) });
      });
  });
}
