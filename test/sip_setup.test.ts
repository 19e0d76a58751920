import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  type InboundWish,
  provisionInbound,
  removeInbound,
} from '../src/telephony/inbound_trunk.ts';
import { type LiveKitApi, livekitApi } from '../src/telephony/livekit_api.ts';
import {
  type OutboundWish,
  outboundTrunkId,
  provisionOutbound,
  removeOutbound,
} from '../src/telephony/outbound_trunk.ts';

const run = promisify(execFile);

describe('the inbound trunk and dispatch rule', () => {
  const name = 'sip-setup-test';
  const wish: InboundWish = {
    numbers: ['+15550109000'],
    allowedAddresses: ['203.0.113.0/24'],
    username: 'carrier',
    password: 'a-made-up-password',
    agentName: 'front-desk',
    name,
  };
  let sip: LiveKitApi['sip'];

  beforeEach(() => {
    sip = livekitApi(inject('stack')).sip;
  });
  afterEach(() => removeInbound(sip, { name }));

  const ourTrunk = async () =>
    (await sip.listSipInboundTrunk()).find((trunk) => trunk.name === `${name} inbound`);
  const ourRule = async () => (await sip.listSipDispatchRule()).find((rule) => rule.name === name);

  it('send each call into a room of its own, with the agent in it', async () => {
    const report = await provisionInbound(sip, wish);
    expect(report.trunk.outcome).toBe('created');
    expect(await ourTrunk()).toMatchObject({
      sipTrunkId: report.trunk.id,
      numbers: wish.numbers,
      allowedAddresses: wish.allowedAddresses,
      authUsername: 'carrier',
      ringingTimeout: { seconds: 25n },
    });
    const rule = await ourRule();
    expect(rule).toMatchObject({
      trunkIds: [report.trunk.id],
      rule: { rule: { case: 'dispatchRuleIndividual', value: { roomPrefix: 'call', pin: '' } } },
    });
    expect(rule?.roomConfig?.agents.map(({ agentName }) => agentName)).toEqual(['front-desk']);
  });

  it('are not touched by a second run', async () => {
    await provisionInbound(sip, wish);
    const [trunk, rule] = [await ourTrunk(), await ourRule()];
    const report = await provisionInbound(sip, wish);
    expect(report).toMatchObject({
      trunk: { outcome: 'unchanged' },
      rule: { outcome: 'unchanged' },
    });
    expect(await ourTrunk()).toEqual(trunk);
    expect(await ourRule()).toEqual(rule);
  });

  it('keep their ids when a setting changes', async () => {
    const before = await provisionInbound(sip, wish);
    const numbers = ['+15550109000', '+15550109001'];
    const after = await provisionInbound(sip, { ...wish, numbers });
    expect(after).toEqual({
      trunk: { id: before.trunk.id, outcome: 'updated' },
      rule: { id: before.rule.id, outcome: 'unchanged' },
    });
    expect((await ourTrunk())?.numbers).toEqual(numbers);

    const renamed = await provisionInbound(sip, { ...wish, numbers, agentName: 'night-desk' });
    expect(renamed).toEqual({
      trunk: { id: before.trunk.id, outcome: 'unchanged' },
      rule: { id: before.rule.id, outcome: 'updated' },
    });
  });

  it('lose a login that is no longer set', async () => {
    await provisionInbound(sip, wish);
    await provisionInbound(sip, { ...wish, username: undefined, password: undefined });
    expect(await ourTrunk()).toMatchObject({ authUsername: '', authPassword: '' });
  });

  it('keep what was set elsewhere', async () => {
    await provisionInbound(sip, wish);
    await sip.updateSipInboundTrunkFields((await ourTrunk())!.sipTrunkId, { metadata: 'theirs' });
    await provisionInbound(sip, { ...wish, numbers: ['+15550109002'] });
    expect(await ourTrunk()).toMatchObject({ metadata: 'theirs', numbers: ['+15550109002'] });
  });

  it('are not made where a trunk of someone else has the number', async () => {
    const theirs = await sip.createSipInboundTrunk('old PBX', ['15550109000']);
    try {
      await expect(provisionInbound(sip, wish)).rejects.toMatchObject({
        code: 'SIP_TRUNK_CONFLICT',
        message: expect.stringContaining(`"old PBX" (${theirs.sipTrunkId})`),
      });
      expect(await ourTrunk()).toBeUndefined();
    } finally {
      await sip.deleteSipTrunk(theirs.sipTrunkId);
    }
  });

  it('are removed without touching others', async () => {
    const theirs = await sip.createSipInboundTrunk('old PBX', ['+15550109003']);
    try {
      const { trunk, rule } = await provisionInbound(sip, wish);
      expect(await removeInbound(sip, { name })).toEqual({ trunk: trunk.id, rule: rule.id });
      expect(await removeInbound(sip, { name })).toEqual({ trunk: null, rule: null });
      expect(await sip.listSipInboundTrunk({ trunkIds: [theirs.sipTrunkId] })).toHaveLength(1);
    } finally {
      await sip.deleteSipTrunk(theirs.sipTrunkId);
    }
  });
});

describe('the outbound trunk', () => {
  const name = 'sip-setup-test';
  const wish: OutboundWish = {
    address: 'sip.example.com:5061',
    transport: 'tls',
    username: 'trunk',
    password: 'a-made-up-password',
    callerNumber: '+15550109000',
    name,
  };
  let sip: LiveKitApi['sip'];

  beforeEach(() => {
    sip = livekitApi(inject('stack')).sip;
  });
  afterEach(() => removeOutbound(sip, { name }));

  const ourTrunk = async () =>
    (await sip.listSipOutboundTrunk()).find((trunk) => trunk.name === `${name} outbound`);

  it('is made as it is wished', async () => {
    const { id, outcome } = await provisionOutbound(sip, wish);
    expect(outcome).toBe('created');
    expect(await outboundTrunkId(sip, { name })).toBe(id);
    expect((await ourTrunk())?.toJson()).toMatchObject({
      sipTrunkId: id,
      address: 'sip.example.com:5061',
      transport: 'SIP_TRANSPORT_TLS',
      numbers: ['+15550109000'],
      authUsername: 'trunk',
      authPassword: 'a-made-up-password',
    });
  });

  it('is not touched by a second run', async () => {
    const first = await provisionOutbound(sip, wish);
    const before = await ourTrunk();
    expect(await provisionOutbound(sip, wish)).toEqual({ id: first.id, outcome: 'unchanged' });
    expect(await ourTrunk()).toEqual(before);
  });

  it.each([
    ['address', { address: 'sip2.example.com' }],
    ['transport', { transport: 'tcp' }],
    ['login', { username: undefined, password: undefined }],
    ['number', { callerNumber: '+15550109009' }],
  ] as const)(
    'keeps its id, and what was set elsewhere, when its %s changes',
    async (_, change) => {
      const { id } = await provisionOutbound(sip, wish);
      await sip.updateSipOutboundTrunkFields(id, { metadata: 'theirs' });
      expect(await provisionOutbound(sip, { ...wish, ...change })).toEqual({
        id,
        outcome: 'updated',
      });
      expect(await ourTrunk()).toMatchObject({ sipTrunkId: id, metadata: 'theirs' });
      expect(await provisionOutbound(sip, { ...wish, ...change })).toMatchObject({
        outcome: 'unchanged',
      });
    },
  );

  it('is removed without touching others', async () => {
    const theirs = await sip.createSipOutboundTrunk('old PBX', 'sip.example.com', ['+15550109001']);
    try {
      const { id } = await provisionOutbound(sip, wish);
      expect(await removeOutbound(sip, { name })).toBe(id);
      expect(await removeOutbound(sip, { name })).toBeNull();
      expect(await sip.listSipOutboundTrunk({ trunkIds: [theirs.sipTrunkId] })).toHaveLength(1);
    } finally {
      await sip.deleteSipTrunk(theirs.sipTrunkId);
    }
  });
});

describe('npm run sip:setup', () => {
  let sip: LiveKitApi['sip'];
  beforeEach(() => {
    sip = livekitApi(inject('stack')).sip;
  });
  afterEach(async () => {
    await removeInbound(sip);
    await removeOutbound(sip);
  });

  const setup = (args: string[], env: Record<string, string>) => {
    const { url, apiKey, apiSecret } = inject('stack');
    return run(process.execPath, ['agent/sip_setup.ts', ...args], {
      env: {
        ...process.env,
        LIVEKIT_URL: url,
        LIVEKIT_API_KEY: apiKey,
        LIVEKIT_API_SECRET: apiSecret,
        SIP_NUMBERS: '+15550109004',
        ...env,
      },
    });
  };

  it('refuses an inbound trunk through which anyone could call', async () => {
    await expect(setup([], {})).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/SIP_TRUNK_OPEN[\s\S]*SIP_ALLOWED_ADDRESSES[\s\S]*--open/),
    });
    expect((await setup(['--open'], {})).stdout).toMatch(/inbound trunk {2}ST_\w+ created/);
  });

  it('warns of addresses that the local stack can never see a call from', async () => {
    const local = { STACK_LIVEKIT_PORT: new URL(inject('stack').url).port };
    const addresses = { SIP_ALLOWED_ADDRESSES: '203.0.113.10' };
    const { stdout, stderr } = await setup([], { ...local, ...addresses });
    expect(stdout).toMatch(/inbound trunk {2}ST_\w+ created/);
    expect(stderr).toMatch(/No call will arrive.*203\.0\.113\.10/);
    expect((await setup(['--open'], local)).stderr).toBe('');
  });

  it('says what the carrier must know, without the passwords', async () => {
    const { stdout } = await setup([], {
      SIP_USERNAME: 'carrier',
      SIP_PASSWORD: 'made-up-4711',
      SIP_OUTBOUND_ADDRESS: 'sip.example.com;transport=tcp',
      SIP_OUTBOUND_USERNAME: 'trunk',
      SIP_OUTBOUND_PASSWORD: 'made-up-4712',
    });
    expect(stdout).toMatch(/inbound trunk {2}ST_\w+ created/);
    expect(stdout).toMatch(/outbound trunk ST_\w+ created/);
    expect(stdout).toContain('+15550109004');
    expect(stdout).toContain('user carrier');
    expect(stdout).toContain('sip.example.com, TCP');
    expect(stdout).toContain('user trunk');
    expect(stdout).not.toContain('made-up-471');
  });

  it('opens no way in for those who only place calls, and takes back what it made', async () => {
    const env = {
      SIP_NUMBERS: '',
      SIP_OUTBOUND_ADDRESS: 'sip.example.com',
      SIP_CALLER_NUMBER: '+15550109005',
    };
    const { stdout } = await setup([], env);
    expect(stdout).toMatch(/inbound trunk {2}not made[\s\S]*outbound trunk ST_\w+ created/);
    const id = await outboundTrunkId(sip);
    const without = { SIP_NUMBERS: '', SIP_USERNAME: 'carrier', SIP_PASSWORD: 'made-up' };
    expect((await setup([], without)).stdout).toContain(`outbound trunk ${id} is left as it is`);
    expect((await setup(['--remove'], env)).stdout).toContain(`outbound trunk ${id} deleted`);
    expect((await setup(['--remove'], env)).stdout).toContain('outbound trunk there was none');
  });
});
