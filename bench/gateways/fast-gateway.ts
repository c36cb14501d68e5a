import type { AddressInfo } from 'node:net';
import gateway from 'fast-gateway';

const server = await gateway({ routes: [{ prefix: '/api', target: process.argv[2] as string }] }).start(0, '127.0.0.1');
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
