import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';

const app = Fastify();
await app.register(proxy, { upstream: process.argv[2] as string, prefix: '/api', undici: { connections: 64 } });
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
