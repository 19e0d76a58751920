// The backend of an agent: says at each call how it is, does its tools, hears of the end. Node 20 or
// newer, nothing to install:
//
//   HOOK_SECRET=… PORT=3000 node backend.mjs
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const { HOST = '127.0.0.1', PORT = '3000', HOOK_SECRET: SECRET } = process.env;
if (!SECRET) throw new Error('HOOK_SECRET is not set: it is the secret that signs the hooks.');
const TOLERANCE_IN_SECONDS = 300;
const MAX_BODY_BYTES = 8 * 1024 * 1024; // An end hook has the whole transcript.

// --- Your agent ------------------------------------------------------------------------------

/** The phone still rings: look up what you know of the caller, and be quick. */
function start({ callSid, callerNumber, contact }) {
  console.log(`start ${callSid}`);
  if (callerNumber === null) return { reject: { reason: 'withheld numbers are not answered' } };
  return {
    systemPrompt:
      'You are the front desk of a storage company, on the phone. Keep your answers short. ' +
      'Look dates up with check_availability; never invent one.',
    greeting: `Hello ${contact?.name ?? 'there'}, which date would you like?`,
    tools: [
      {
        type: 'function',
        name: 'check_availability',
        description: 'How many units are free on a date.',
        parameters: {
          type: 'object',
          properties: {
            date: { type: 'string', description: 'As the caller says it.' },
            size: { type: 'string', enum: ['small', 'large'] },
          },
          required: ['date'],
        },
      },
    ],
    metadata: { customerId: contact?.id ?? null },
  };
}

/** Results by `Idempotency-Key`: a request that is made again has its effect once. */
const results = new Map();

/** What you give back is told to the model. It may take seconds: the agent says that it is looking. */
function tool({ callSid, toolName, arguments: args }, key) {
  if (!results.has(key)) {
    console.log(`tool ${callSid} ${toolName} ${JSON.stringify(args)}`);
    results.set(
      key,
      toolName === 'check_availability'
        ? { result: `We have 3 units on ${args.date}.` }
        : { result: { error: `there is no ${toolName}` } },
    );
  }
  return results.get(key);
}

/** Comes again until you answer 2xx, under the same `webhook-id`. */
function end({ callSid, durationSeconds, transcript, metadata }) {
  const customer = metadata.customerId ?? '-';
  console.log(
    `end ${callSid} ${durationSeconds}s ${transcript.length} lines, customer ${customer}`,
  );
  return {};
}

// --- HTTP ------------------------------------------------------------------------------------

const HOOKS = { '/calls/start': start, '/calls/tool': tool, '/calls/end': end };

const server = createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  };
  try {
    const hook =
      request.method === 'POST' && Object.hasOwn(HOOKS, request.url) && HOOKS[request.url];
    if (!hook) return answer(404, { error: 'not found' });
    const body = await readBody(request);
    if (body === null) return answer(413, { error: 'too large' });
    if (!isGenuine(request.headers, body)) return answer(401, { error: 'signature' });
    answer(200, hook(JSON.parse(body.toString('utf8')), request.headers['idempotency-key']));
  } catch (error) {
    console.error(error);
    if (!response.headersSent) answer(500, { error: 'failed' });
  }
});

async function readBody(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `body` is a Buffer with the bytes as they came: JSON that is made anew has another signature. */
function isGenuine(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': given } = headers;
  if (!id || !given || !/^\d+$/.test(timestamp ?? '')) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_IN_SECONDS) return false;
  // Behind `whsec_` stands base64; any other secret is its own key.
  const key = SECRET.startsWith('whsec_') ? Buffer.from(SECRET.slice(6), 'base64') : SECRET;
  const digest = createHmac('sha256', key)
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest('base64');
  const expected = Buffer.from(`v1,${digest}`);
  return given.split(' ').some((one) => {
    const signature = Buffer.from(one);
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  });
}

server.listen(Number(PORT), HOST, () => {
  console.log(`listening on http://${HOST}:${server.address().port}`);
});
