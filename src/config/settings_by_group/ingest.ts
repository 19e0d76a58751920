import { setting } from '../setting.ts';
import * as read from '../setting_schemas.ts';

/** Calls that other platforms run and report: docs/ingest.md. */
export const INGEST_SETTINGS = {
  RETELL_API_KEY: setting({
    group: 'Other platforms',
    meaning:
      'Retell signs its webhooks with it: the API key that its dashboard marks for webhooks.',
    schema: read.text,
    example: 'the key of Retell',
    secret: true,
  }),
  VAPI_SERVER_SECRET: setting({
    group: 'Other platforms',
    meaning: 'The secret of Vapi’s server URL, sent as it is or used for HMAC.',
    schema: read.text,
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  BLAND_WEBHOOK_SECRET: setting({
    group: 'Other platforms',
    meaning: 'Bland’s webhook signing secret.',
    schema: read.text,
    example: 'the secret that Bland shows',
    secret: true,
  }),
  ELEVENLABS_WEBHOOK_SECRET: setting({
    group: 'Other platforms',
    meaning: 'The secret of ElevenLabs’ post-call webhook.',
    schema: read.text,
    example: 'wsec_…',
    secret: true,
  }),
  INGEST_SECRET: setting({
    group: 'Other platforms',
    meaning:
      'Signs what any other platform, or glue of your own, posts to `/api/calls/webhook`; a key with the scope `ingest` does as well.',
    schema: read.signingSecret,
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  INGEST_STALE_AFTER: setting({
    group: 'Other platforms',
    meaning:
      'A reported call whose platform says nothing more for so long is closed with `call.ended`, `unknown`.',
    schema: read.duration({ minMs: 1_000, maxMs: 30 * 86_400_000 }),
    default: '6h',
    example: '2h',
  }),
};
