import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

/** The minimal gateway: node:http in front, undici behind. */
const pool = new Pool(process.argv[2] as string, { connections: 64 });
const fetchText = async (path: string): Promise<string> => (await pool.request({ method: 'GET', path })).body.text();
const server = createServer(async (request, response) => {
  const [, , kind, id] = (request.url as string).split('/');
  let body: string;
  if (kind === 'pages') {
    const [order, payment, reservation] = await Promise.all([
      fetchText(`/orders/${id}`),
      fetchText(`/payments/${id}`),
      fetchText(`/reservations/${id}`),
    ]);
    body = JSON.stringify({ order: JSON.parse(order), payment: JSON.parse(payment), reservation: JSON.parse(reservation) });
  } else {
    body = await fetchText(`/orders/${id}`);
  }
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`));
