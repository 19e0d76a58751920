import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fastify from 'fastify';
import { serveBench } from './bench_process.ts';

/**
 * What the API is compared with: what one writes first. A Fastify route that keeps what it gets in one
 * durable insert and answers; it knows nothing of keys, gates, repetitions or events. The database is set
 * up as ours is: WAL, an fsync for each commit. `node bare_api.ts <folder> <status of its answers>`
 */
const [folder, status] = process.argv.slice(2);
if (!folder || !status) throw new Error('usage: <folder> <status>');

const database = new Database(join(folder, 'bare.db'));
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('create table kept (id text primary key, body text not null, at integer not null)');
const insert = database.prepare('insert into kept values (?, ?, ?)');

const app = fastify();
app.post('/*', (request, reply) => {
  const id = randomUUID();
  insert.run(id, JSON.stringify(request.body), Date.now());
  return reply.code(Number(status)).send({ id });
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
