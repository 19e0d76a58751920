import { LOG_LEVELS } from '../log.ts';
import { setting } from '../setting.ts';
import * as read from '../setting_schemas.ts';

/** The machine: where things are kept, what is logged, the ports of the local stack. */
export const MACHINE_SETTINGS = {
  DATA_DIR: setting({
    group: 'Storage and logs',
    meaning: 'The folder of the database, the spools and the made keys, for its owner only.',
    schema: read.text,
    default: '.callwire',
    example: '/var/lib/callwire',
  }),
  RECORDINGS_URL: setting({
    group: 'Storage and logs',
    meaning:
      'Where recordings are kept: a folder, or `s3://bucket/prefix`. For S3 the usual variables of AWS count (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL_S3` for others that speak its protocol, …). docs/recordings.md says more.',
    schema: read.recordingsPlace,
    defaultMeaning: '`recordings` in `DATA_DIR`',
    example: 's3://my-bucket/callwire',
  }),
  RECORDING_ENGINE: setting({
    group: 'Storage and logs',
    meaning:
      'Who records: `call`, the process of the call itself, or `egress`, the LiveKit Egress of `LIVEKIT_URL`, into the bucket of `RECORDINGS_URL`.',
    schema: read.oneOf(['call', 'egress']),
    default: 'call',
    example: 'egress',
  }),
  RETAIN_DAYS: setting({
    group: 'Storage and logs',
    meaning:
      'How many days after its end a call is removed for good: its events, transcript, recording, and its deliveries with their answers. One of which a delivery still waits stays. `0` keeps everything.',
    schema: read.number(0, 36_500),
    default: '90',
    example: '30',
  }),
  ENCRYPTION_KEY: setting({
    group: 'Storage and logs',
    meaning:
      'Seals the endpoints’ secrets in the database: 32 bytes in base64 or hex. To change it, move the old one to `ENCRYPTION_KEY_PREVIOUS`; the next start seals everything anew.',
    schema: read.encryptionKey,
    defaultMeaning: 'made once in `DATA_DIR`',
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  }),
  ENCRYPTION_KEY_PREVIOUS: setting({
    group: 'Storage and logs',
    meaning: 'The keys before it, with commas between them.',
    schema: read.encryptionKeys,
    default: '',
    example: 'the key before',
    secret: true,
  }),
  LOG_LEVEL: setting({
    group: 'Storage and logs',
    meaning:
      'From `silent` to `trace`. Lines are JSON, on a terminal readable text (`CALLWIRE_PRETTY=1` or `0` in the environment overrides that).',
    schema: read.oneOf(LOG_LEVELS),
    default: 'info',
    example: 'debug',
  }),

  STACK_LIVEKIT_PORT: setting({
    group: 'Local stack',
    meaning: 'The TCP port of livekit-server.',
    schema: read.port,
    default: '7880',
    example: '17880',
  }),
  STACK_RTC_PORTS: setting({
    group: 'Local stack',
    meaning: 'The TCP port for media, then the one UDP port that all calls share.',
    schema: read.portPair,
    default: '7881-7882',
    example: '17881-17882',
  }),
  STACK_SIP_PORT: setting({
    group: 'Local stack',
    meaning: 'The UDP and TCP port of livekit-sip.',
    schema: read.port,
    default: '5060',
    example: '15060',
  }),
  STACK_REDIS_PORT: setting({
    group: 'Local stack',
    meaning: 'The TCP port of Redis.',
    schema: read.port,
    default: '6379',
    example: '16379',
  }),
  STACK_RTP_PORTS: setting({
    group: 'Local stack',
    meaning: 'The UDP ports for the carrier’s audio.',
    schema: read.portPair,
    default: '10000-10200',
    example: '20000-20400',
  }),
  WORKER_PORT: setting({
    group: 'Local stack',
    meaning: 'The TCP port of the worker’s own health check; `0` takes any free one.',
    schema: read.number(0, 65_535),
    default: '0',
    example: '8081',
  }),
};
