import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const bodies: Readonly<Record<string, string>> = {
  orders: JSON.stringify({ orderId: '1', status: 'confirmed', total: 900 }),
  payments: JSON.stringify({ paymentId: 'p1', amount: 900 }),
  reservations: JSON.stringify({ orderId: '1', items: 2 }),
};
const server = createServer((request, response) => {
  const body = bodies[request.url?.split('/')[1] ?? ''] ?? '{}';
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`));
