import { connect } from 'node:net';

/** Sends GETs of `path` over kept-alive connections, one request at a time on each, until `total` are answered. Returns the answers a second. */
export function load(url: string, path: string, total: number, connections = 64): Promise<number> {
  const { hostname, port } = new URL(url);
  const request = `GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`;
  let sent = 0;
  let answered = 0;
  const began = performance.now();
  return new Promise((resolve, reject) => {
    for (let index = 0; index < connections; index++) {
      const socket = connect(Number(port), hostname);
      let text = '';
      const next = (): void => {
        if (sent++ < total) socket.write(request);
        else socket.end();
      };
      socket.setNoDelay().setEncoding('latin1').once('connect', next).once('error', reject);
      socket.on('data', (chunk) => {
        text += chunk;
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = /content-length: (\d+)/i.exec(text);
        const whole = length ? text.length >= end + 4 + Number(length[1]) : text.endsWith('0\r\n\r\n');
        if (!whole) return;
        if (!text.startsWith('HTTP/1.1 200')) return reject(new Error(`${url}${path} answered ${text.slice(0, 200)}`));
        text = '';
        if (++answered === total) resolve((total * 1000) / (performance.now() - began));
        next();
      });
    }
  });
}
