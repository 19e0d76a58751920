import { connect } from 'node:net';
import { CallwireError } from '../src/errors.ts';

/** Trunks and dispatch rules, which `npm run sip:setup` made, and what wrote them. */
const KEPT = [
  'sip_inbound_trunk',
  'sip_outbound_trunk',
  'sip_trunk',
  'sip_dispatch_rule',
  'livekit_version',
];

/** KEYS blocks redis while it looks, which disturbs nobody before livekit-server is there. */
const SCRIPT = `
local kept = {}
for _, key in ipairs(ARGV) do kept[key] = true end
for _, key in ipairs(redis.call('KEYS', '*')) do
  if not kept[key] then redis.call('DEL', key) end
end`;

const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Deletes what the LiveKit of an earlier stack has left in redis: its node, rooms, participants and
 * jobs ended with it. livekit-server 1.13 would list such a room for ever, and asks the node that it
 * was on when it shall be deleted or made again ("no response from servers", after 3 s).
 *
 * @throws `STACK_REDIS_FAILED`
 */
export async function forgetLeftovers(port: number): Promise<void> {
  const answer = await ask(port, ['EVAL', SCRIPT, '0', ...KEPT]);
  if (answer.startsWith('-')) throw redisFailed(answer.slice(1));
}

/** One command, one line of answer. */
function ask(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const fail = (why: string) => {
      socket.destroy();
      reject(redisFailed(why));
    };
    let answer = '';
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => fail('no answer'));
    socket.once('error', ({ message }) => fail(message));
    socket.once('close', () => fail('the connection was closed'));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      const end = answer.indexOf('\r\n');
      if (end < 0) return;
      resolve(answer.slice(0, end));
      socket.destroy();
    });
    const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.write(`*${words.length}\r\n${bulk.join('')}`);
  });
}

function redisFailed(why: string): CallwireError {
  return new CallwireError('STACK_REDIS_FAILED', `redis did not clean up: ${why}`, {
    retryable: true,
    remedy: 'Start it again; if it stays so, delete appendonlydir in the folder of the stack.',
  });
}
