import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fastify from 'fastify';
import { serveBench } from '../bench_process.ts';

/**
 * What `POST /v1/calls` is compared with: a Fastify route that writes what it gets into SQLite, in one
 * durable insert, and knows nothing of keys, gates, idempotency or events. `node bare_api.ts <folder>`
 */
const [folder = ''] = process.argv.slice(2);
const database = new Database(join(folder, 'bare.db'));
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('create table calls (id text primary key, body text not null, at integer not null)');
const insert = database.prepare('insert into calls values (?, ?, ?)');

const app = fastify();
app.post('/v1/calls', (request, reply) => {
  const id = randomUUID();
  insert.run(id, JSON.stringify(request.body), Date.now());
  return reply.code(202).send({ call: { id, status: 'scheduled' } });
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
serveBench(
  { url },
  () => Promise.reject(new Error('takes no orders')),
  async () => {
    await app.close();
    database.close();
  },
);
