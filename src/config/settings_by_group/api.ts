import { setting } from '../setting.ts';
import * as read from '../setting_schemas.ts';

/** The HTTP API. */
export const API_SETTINGS = {
  SERVER: setting({
    group: 'HTTP API',
    meaning: '`off` leaves the HTTP API out of the worker.',
    schema: read.flag,
    default: 'on',
    example: 'off',
  }),
  HOST: setting({
    group: 'HTTP API',
    meaning:
      'The address that the HTTP API listens on. `0.0.0.0` for all: put TLS in front of it then.',
    schema: read.text,
    default: '127.0.0.1',
    example: '0.0.0.0',
  }),
  PORT: setting({
    group: 'HTTP API',
    meaning: 'Its TCP port; `0` takes any free one.',
    schema: read.number(0, 65_535),
    default: '8080',
    example: '3000',
  }),
  PUBLIC_URL: setting({
    group: 'HTTP API',
    meaning:
      'The URL under which others reach the HTTP API; LiveKit’s webhooks go to `/livekit/webhook` behind it. `SERVER_URL` is read as well.',
    schema: read.url(['https', 'http'], { base: true }),
    defaultMeaning: '`http://{HOST}:{PORT}`',
    example: 'https://callwire.example.com',
    alias: 'SERVER_URL',
  }),
  API_KEY: setting({
    group: 'HTTP API',
    meaning:
      'The first key of the HTTP API, with every scope. More are made with `npm run keys create`.',
    schema: read.text,
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  RATE_LIMIT_WRITES: setting({
    group: 'HTTP API',
    meaning: 'How many requests that change something a key may make per minute; `0` = no limit.',
    schema: read.number(0, 1_000_000),
    default: '600',
    example: '0',
  }),
  RATE_LIMIT_READS: setting({
    group: 'HTTP API',
    meaning: 'How many `GET` requests a key may make per minute; `0` = no limit.',
    schema: read.number(0, 1_000_000),
    default: '1200',
    example: '0',
  }),
  PUBLIC_API: setting({
    group: 'HTTP API',
    meaning:
      '`off` answers `/api/v1/public/*`, the alias of `/v1/*`, with 403, and stops all dialling: no call is accepted, and those that wait end `blocked` when their turn comes. The rest of `/v1/*` stays, so a proxy can publish one path and keep the other inside.',
    schema: read.flag,
    default: 'on',
    example: 'off',
  }),
  METRICS_OPEN: setting({
    group: 'HTTP API',
    meaning: '`on` gives `/metrics` to whoever asks; otherwise any key of the HTTP API is needed.',
    schema: read.flag,
    default: 'off',
    example: 'on',
  }),
};
