import { createHash } from 'node:crypto';
import { AccessToken } from 'livekit-server-sdk';
import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '../json_body.ts';
import { LIVEKIT, type TestApi, testApi } from '../testing/test_api.ts';

/** As livekit-server 1.13 sends it, shortened. */
const JOINED = {
  event: 'participant_joined',
  room: {
    sid: 'RM_EbWvSnaRVUrf',
    name: 'call_+15550100001_BnHxdjK5nXaB',
    creationTime: '1795533584',
    creationTimeMs: '1795533584561',
  },
  participant: {
    sid: 'PA_ujtrhGNLgmbL',
    identity: 'sip_+15550100001',
    state: 'ACTIVE',
    kind: 'SIP',
    attributes: {
      'sip.callID': 'SCL_YUcefz2DFo7M',
      'sip.callStatus': 'ringing',
      'sip.phoneNumber': '+15550100001',
      'sip.ruleID': 'SDR_wGCM5KRrenpk',
      'sip.trunkPhoneNumber': '+15550100000',
    },
  },
  id: 'EV_r2zzogAEs2NH',
  createdAt: '1795533584',
  somethingNew: true,
};

interface Signing {
  key?: { apiKey: string; apiSecret: string };
  /** Seconds, or a span of time. */
  ttl?: number | string;
  /** What is signed, where that is not what is sent. */
  signed?: string;
}

function signature(
  body: string,
  { key = LIVEKIT, ttl = '5m', signed }: Signing = {},
): Promise<string> {
  const token = new AccessToken(key.apiKey, key.apiSecret, { ttl });
  token.sha256 = createHash('sha256')
    .update(signed ?? body)
    .digest('base64');
  return token.toJwt();
}

async function post(api: TestApi, body: string, signing?: Signing) {
  return api.request('POST', '/livekit/webhook', {
    key: null,
    body,
    headers: {
      'content-type': 'application/webhook+json',
      authorization: await signature(body, signing),
    },
  });
}

const REFUSED = {
  status: 401,
  body: { error: { code: 'unauthorized', message: expect.any(String) } },
};

describe('a webhook of LiveKit', () => {
  it('is taken when LiveKit has signed it, and says who is in which room', async () => {
    const api = await testApi();
    const answer = await post(api, JSON.stringify(JOINED));
    expect(answer).toMatchObject({ status: 200, body: { received: true } });
    expect(api.noticed).toEqual([
      {
        id: 'EV_r2zzogAEs2NH',
        event: 'participant_joined',
        room: {
          name: 'call_+15550100001_BnHxdjK5nXaB',
          sid: 'RM_EbWvSnaRVUrf',
          createdAt: 1_795_533_584_561,
        },
        participant: {
          kind: 'phone',
          departure: 'hung_up',
          phone: {
            identity: 'sip_+15550100001',
            from: '+15550100001',
            to: '+15550100000',
            sipCallId: 'SCL_YUcefz2DFo7M',
            headers: {},
            inbound: true,
          },
        },
      },
    ]);
  });

  it('tells whether the caller left, or livekit-sip let go of the call', async () => {
    const api = await testApi();
    const { room, participant } = JOINED;
    for (const [callStatus, disconnectReason] of [
      ['hangup', 'CLIENT_INITIATED'],
      ['ringing', 'CLIENT_INITIATED'],
      ['ringing', 'PARTICIPANT_REMOVED'],
      [undefined, 'CLIENT_INITIATED'],
    ]) {
      const attributes = { ...participant.attributes, 'sip.callStatus': callStatus };
      const left = { ...participant, attributes, disconnectReason };
      const notice = { event: 'participant_left', id: 'EV_1', room, participant: left };
      await post(api, JSON.stringify(notice));
    }
    const departures = api.noticed.map(({ participant: one }) => one?.departure);
    expect(departures).toEqual(['hung_up', 'given_up', 'removed', 'hung_up']);
  });

  it('may tell of agents, of others, and of a room alone', async () => {
    const api = await testApi();
    const { room } = JOINED;
    for (const participant of [
      { identity: 'agent-1', kind: 'AGENT', disconnectReason: 'CONNECTION_TIMEOUT' },
      { identity: 'browser' },
      undefined,
    ]) {
      await post(api, JSON.stringify({ event: 'participant_left', id: 'EV_1', room, participant }));
    }
    await post(api, JSON.stringify({ event: 'egress_started', id: 'EV_2' }));
    expect(api.noticed.map(({ participant }) => participant)).toEqual([
      { kind: 'agent', identity: 'agent-1', departure: 'media_lost' },
      null,
      null,
      null,
    ]);
    expect(api.noticed.at(-1)?.room).toEqual({ name: '', sid: '', createdAt: 0 });
  });

  it('of a server that tells the time of a room in seconds has it in milliseconds all the same', async () => {
    const api = await testApi();
    await post(
      api,
      JSON.stringify({ id: 'EV_1', room: { name: 'a', creationTime: '1795533584' } }),
    );
    expect(api.noticed[0]?.room).toMatchObject({ name: 'a', createdAt: 1_795_533_584_000 });
  });

  it('is refused where somebody else has signed it', async () => {
    const api = await testApi();
    const body = JSON.stringify(JOINED);
    const forged: Signing[] = [
      { key: { ...LIVEKIT, apiSecret: 'another-made-up-secret-of-enough-characters' } },
      { key: { ...LIVEKIT, apiKey: 'APIother' } },
      { signed: body.replace('ringing', 'hangup') },
    ];
    for (const signing of forged) expect(await post(api, body, signing)).toMatchObject(REFUSED);
    expect(api.noticed).toEqual([]);
  });

  it('is refused when it was signed too long ago', async () => {
    const api = await testApi();
    // Clocks may differ by a few seconds.
    expect(await post(api, JSON.stringify(JOINED), { ttl: -60 })).toMatchObject(REFUSED);
    expect(api.noticed).toEqual([]);
  });

  it('is refused without a signature, and with what is none', async () => {
    const api = await testApi();
    const headers = { 'content-type': 'application/webhook+json' };
    for (const authorization of [undefined, '', 'garbage', 'Bearer x', 'a.b.c']) {
      const answer = await api.request('POST', '/livekit/webhook', {
        key: null,
        body: JSON.stringify(JOINED),
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
      });
      expect({ authorization, ...answer }).toMatchObject(REFUSED);
    }
    // A key of ours is none of LiveKit's.
    const ours = await api.request('POST', '/livekit/webhook', { body: '{}', headers });
    expect(ours).toMatchObject(REFUSED);
    expect(api.noticed).toEqual([]);
  });

  it('is refused before its body is looked at', async () => {
    const api = await testApi();
    for (const body of ['', '{', '\u0000']) {
      expect(
        await post(api, body, { key: { ...LIVEKIT, apiSecret: 'x'.repeat(40) } }),
      ).toMatchObject(REFUSED);
    }
  });

  it('that is signed and yet none is an invalid request', async () => {
    const api = await testApi();
    for (const body of ['', '{', '7', '[]', 'null', '{"event": 7}', '{"room": []}']) {
      expect({ sent: body, ...(await post(api, body)) }).toMatchObject({
        status: 400,
        body: { error: { code: 'invalid_request' } },
      });
    }
    expect(api.noticed).toEqual([]);
  });

  it('is refused when it is far too large, or of another type', async () => {
    const api = await testApi();
    const large = JSON.stringify({ ...JOINED, more: 'x'.repeat(MAX_BODY_BYTES) });
    expect(await post(api, large)).toMatchObject({
      status: 413,
      body: { error: { code: 'payload_too_large' } },
    });
    const body = JSON.stringify(JOINED);
    const asJson = await api.request('POST', '/livekit/webhook', {
      key: null,
      body,
      headers: { 'content-type': 'application/json', authorization: await signature(body) },
    });
    expect(asJson).toMatchObject({
      status: 415,
      body: { error: { code: 'unsupported_media_type' } },
    });
    expect(api.noticed).toEqual([]);
  });

  it('of that type is read nowhere else', async () => {
    const api = await testApi();
    const answer = await api.request('POST', '/v1/contacts', {
      body: '{}',
      headers: { 'content-type': 'application/webhook+json' },
    });
    expect(answer.status).toBe(415);
  });

  it('with a wrong signature is told to the operator once a minute, and without what it held', async () => {
    const api = await testApi();
    for (let i = 0; i < 3; i++) await post(api, JSON.stringify(JOINED), { ttl: -60 });
    const warnings = api.logged.filter((line) => line.includes('is not signed with'));
    expect(warnings).toHaveLength(1);
    expect(api.logged.join('')).not.toContain('15550100001');
    expect(api.logged.join('')).not.toContain(LIVEKIT.apiSecret);
  });
});
