import { initializeLogger } from '@livekit/agents';
import '../call.ts';
import { CallModel } from '../../src/call/realtime_model.ts';
import { BackendKey } from '../../src/hooks/backend_key.ts';

/*
 * The process of a call for crash_output.test.ts: it dies of an error that has the whole call in it, the key
 * that its backend has given among that. `argv[2]`: how.
 */

initializeLogger({ pretty: false, level: 'silent' });

const key = new BackendKey(process.env.KEY_OF_BACKEND ?? '');
const model = new CallModel({
  model: 'gpt-realtime',
  voice: 'marin',
  apiKey: key.reveal(),
  baseUrl: 'http://127.0.0.1:9',
});
model.connect(AbortSignal.timeout(60_000)).catch(() => undefined);
const call = { model, session: model.session(), key };
const error = Object.assign(new Error('something broke', { cause: call }), { call, ...call });

if (process.argv[2] === 'rejects') {
  void Promise.reject(error);
  setImmediate(() => process.exit(0));
} else {
  setImmediate(() => {
    throw error;
  });
}
