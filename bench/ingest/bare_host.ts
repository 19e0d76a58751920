import { join } from 'node:path';
import Database from 'better-sqlite3';
import fastify from 'fastify';
import { serveBench } from '../bench_process.ts';

/**
 * What one writes first: a Fastify route that keeps each webhook with one durable insert and answers.
 * `node bare_host.ts <folder>`. The database is set up as ours is: WAL, an fsync for each commit.
 */
const folder = process.argv[2];
if (!folder) throw new Error('usage: <folder>');

const db = new Database(join(folder, 'bare.db'));
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec('create table webhooks (id integer primary key, call_id text, body text not null)');
const insert = db.prepare('insert into webhooks (call_id, body) values (?, ?)');

const app = fastify();
app.post<{ Body: { callId: string } }>('/webhook', ({ body }) => {
  insert.run(body.callId, JSON.stringify(body));
  return { success: true, message: 'Webhook processed successfully', callId: body.callId };
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
serveBench(
  `${url}/webhook`,
  () => Promise.reject(new Error('takes no orders')),
  async () => {
    await app.close();
    db.close();
  },
);
