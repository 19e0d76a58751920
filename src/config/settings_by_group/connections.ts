import { setting } from '../setting.ts';
import * as read from '../setting_schemas.ts';

/** What Callwire is connected to: LiveKit, the model, the CRM, the backend. */
export const CONNECTION_SETTINGS = {
  LIVEKIT_URL: setting({
    group: 'LiveKit',
    meaning: 'LiveKit Cloud or a LiveKit server of your own.',
    schema: read.url(['ws', 'wss', 'http', 'https'], { base: true }),
    defaultMeaning: '`ws://127.0.0.1:7880`, the local stack on its `STACK_LIVEKIT_PORT`',
    example: 'wss://my-project.livekit.cloud',
  }),
  LIVEKIT_API_KEY: setting({
    group: 'LiveKit',
    meaning:
      'The key of that LiveKit. The local stack needs none: keys for it are made once, in `DATA_DIR`.',
    schema: read.text,
    defaultMeaning: 'made for the local stack',
    example: 'APIxxxxxxxxxxxx',
    secret: true,
  }),
  LIVEKIT_API_SECRET: setting({
    group: 'LiveKit',
    meaning: 'The secret that belongs to `LIVEKIT_API_KEY`.',
    schema: read.text,
    defaultMeaning: 'made for the local stack',
    example: 'the secret shown beside the key',
    secret: true,
  }),
  LIVEKIT_AGENT_NAME: setting({
    group: 'LiveKit',
    meaning: 'The name that calls are dispatched to.',
    schema: read.text,
    default: 'callwire',
    example: 'callwire-staging',
  }),

  OPENAI_API_KEY: setting({
    group: 'Model',
    meaning:
      'The key of the speech model. Needed unless `OPENAI_BASE_URL` is a server that asks for none.',
    schema: read.text,
    example: 'sk-…',
    secret: true,
  }),
  OPENAI_BASE_URL: setting({
    group: 'Model',
    meaning: 'Any server that speaks the same protocols as OpenAI.',
    schema: read.url(['https', 'http'], { base: true }),
    default: 'https://api.openai.com/v1',
    example: 'http://127.0.0.1:9100/v1',
  }),
  EXTRACTION_MODEL: setting({
    group: 'Model',
    meaning:
      'The text model that reads the transcript after the call (`POST {OPENAI_BASE_URL}/chat/completions`); it has to know structured outputs.',
    schema: read.text,
    default: 'gpt-6-luna',
    example: 'gpt-6.1-sol',
  }),
  PRICES_FILE: setting({
    group: 'Model',
    meaning:
      'Your prices, in JSON: what is in it takes the place of the list prices of `src/cost/prices.json` in the `cost` of calls.',
    schema: read.text,
    defaultMeaning: 'the list prices alone',
    example: 'prices.json',
  }),

  CRM_ADAPTER: setting({
    group: 'CRM',
    meaning: '`builtin` keeps contacts in `DATA_DIR`; `http` asks a CRM of your own at `CRM_URL`.',
    schema: read.oneOf(['builtin', 'http'], { notBuiltYet: ['salesforce', 'hubspot'] }),
    defaultMeaning: '`http` where `CRM_URL` is set, else `builtin`',
    example: 'http',
  }),
  CRM_URL: setting({
    group: 'CRM',
    meaning:
      'The root of your CRM’s API: `/contacts/search` and the other paths are put behind it.',
    schema: read.url(['https', 'http'], { base: true }),
    example: 'https://crm.example.com/api',
  }),
  CRM_API_KEY: setting({
    group: 'CRM',
    meaning: 'Sent to the CRM as a bearer token.',
    schema: read.text,
    example: 'the CRM’s key',
    secret: true,
  }),

  WEBHOOK_URL: setting({
    group: 'Webhooks',
    meaning: 'The URL of your backend that receives every event.',
    schema: read.url(['https', 'http']),
    defaultMeaning:
      'with the `http` CRM adapter `{CRM_URL}/webhooks/{first word of the event}`; else nothing is sent',
    example: 'https://backend.example.com/callwire',
  }),
  WEBHOOK_SECRET: setting({
    group: 'Webhooks',
    meaning:
      'Signs the events; without it they wait. Any text, or `whsec_` and base64 of at least 24 bytes.',
    schema: read.signingSecret,
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  RETRY_SCHEDULE: setting({
    group: 'Webhooks',
    meaning:
      'The waits between the attempts of a delivery or a CRM write, in order (`ms`, `s`, `m`, `h`, `d`). After the last one it is given up and can be replayed.',
    schema: read.retrySchedule,
    default: '2s,10s,30s,2m,10m,30m,2h,5h,10h,10h,20h',
    example: '5s,1m,10m,1h',
  }),
  ENDPOINT_DISABLE_AFTER: setting({
    group: 'Webhooks',
    meaning:
      'An endpoint made through the API that has only failed for so long is disabled. The one of `WEBHOOK_URL` never is.',
    schema: read.duration({ minMs: 60_000, maxMs: 365 * 86_400_000 }),
    default: '5d',
    example: '2d',
  }),
  ALLOW_NETWORKS: setting({
    group: 'Webhooks',
    meaning:
      'Private networks, with commas, that endpoints made through the API may be in, and plain `http` only there. Addresses where clouds keep credentials stay refused.',
    schema: read.addresses,
    default: '',
    example: '10.0.0.0/8,127.0.0.1',
  }),
  DELIVERY_PROXY: setting({
    group: 'Webhooks',
    meaning:
      'An HTTP proxy that deliveries to public addresses go through (`CONNECT`). It is told addresses, never names: they are looked up and judged here.',
    schema: read.url(['http', 'https'], { base: true, credentials: true }),
    defaultMeaning: 'none: they are dialled directly',
    example: 'the proxy’s URL, with user name and password where it asks for them',
    secret: true,
  }),
};
