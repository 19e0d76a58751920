import { SIPDispatchRuleInfo, SIPInboundTrunkInfo, type SipClient } from 'livekit-server-sdk';
import { describe, expect, it } from 'vitest';
import { provisionInbound } from '../../src/telephony/inbound_trunk.ts';
import { provisionOutbound } from '../../src/telephony/outbound_trunk.ts';
import type { Check } from './finding.ts';
import { examine } from './finding.ts';
import { FakeTrunks } from './testing/fake_trunks.ts';
import { settingsOf } from './testing/settings.ts';
import { inboundCheck, outboundCheck } from './trunk_checks.ts';

const CARRIER = { SIP_NUMBERS: '+15550100000', SIP_ALLOWED_ADDRESSES: '203.0.113.0/24' };
const OUTBOUND = {
  SIP_OUTBOUND_ADDRESS: 'sip.example.com:5061;transport=tls',
  SIP_CALLER_NUMBER: '+15550100000',
};
const ELSEWHERE = {
  LIVEKIT_URL: 'wss://livekit.example.com',
  LIVEKIT_API_KEY: 'APImadeup',
  LIVEKIT_API_SECRET: 'made-up',
};

async function look(check: (sip: SipClient) => Check, trunks: FakeTrunks) {
  const { needs, ...alone } = check(trunks.sip);
  expect(needs).toBe('livekit');
  const [finding] = await examine([alone]);
  return finding;
}

/** What sip:setup makes of these settings. */
async function setUp(env: Record<string, string>, trunks = new FakeTrunks()) {
  const { sip, livekit } = settingsOf(env);
  const { agentName } = livekit;
  await provisionInbound(trunks.sip, { ...sip, agentName, open: true });
  if (sip.outbound) await provisionOutbound(trunks.sip, { ...sip.outbound, name: agentName });
  return trunks;
}

describe('the inbound trunk', () => {
  const inbound = (env: Record<string, string>, trunks: FakeTrunks) =>
    look((sip) => inboundCheck(settingsOf(env), { sip }), trunks);

  it('is what the settings say', async () => {
    expect(await inbound(CARRIER, await setUp(CARRIER))).toMatchObject({
      check: 'inbound_trunk',
      status: 'ok',
      message: expect.stringContaining('takes calls to +15550100000 for "callwire"'),
    });
  });

  it.each([
    ['numbers', { SIP_NUMBERS: '+15550100001' }],
    ['addresses', { SIP_ALLOWED_ADDRESSES: '198.51.100.1' }],
    ['login', { SIP_USERNAME: 'carrier', SIP_PASSWORD: 'made-up' }],
    ['agent', { LIVEKIT_AGENT_NAME: 'staging' }],
  ])('is not any more: other %s', async (_, change) => {
    expect(await inbound({ ...CARRIER, ...change }, await setUp(CARRIER))).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining('npm run sip:setup'),
    });
  });

  it('is open: a warning, but not on the local stack', async () => {
    const open = { SIP_NUMBERS: '+15550100000' };
    expect(await inbound(open, await setUp(open))).toMatchObject({ status: 'ok' });
    const elsewhere = { ...open, ...ELSEWHERE };
    expect(await inbound(elsewhere, await setUp(elsewhere))).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('anyone can call'),
      remedy: expect.stringContaining('SIP_ALLOWED_ADDRESSES'),
    });
  });

  it('is missing', async () => {
    expect(await inbound(CARRIER, new FakeTrunks())).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('no dispatch rule'),
      remedy: expect.stringContaining('npm run sip:setup'),
    });
  });

  it('is half there: the rule was deleted', async () => {
    const trunks = await setUp(CARRIER);
    trunks.rules.splice(0);
    expect(await inbound(CARRIER, trunks)).toMatchObject({ status: 'problem' });
  });

  it('is somebody else’s making, and its rule sends calls to our agent', async () => {
    const trunks = new FakeTrunks();
    trunks.inbound.push(new SIPInboundTrunkInfo({ sipTrunkId: 'ST_9', name: 'from the console' }));
    const theirs = (pin: string) =>
      SIPDispatchRuleInfo.fromJson({
        sipDispatchRuleId: 'SDR_9',
        name: 'from the console',
        rule: { dispatchRuleIndividual: { roomPrefix: 'call', pin } },
        roomConfig: { agents: [{ agentName: 'callwire' }] },
      });
    trunks.rules.push(theirs(''));
    expect(await inbound({}, trunks)).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('"from the console" (SDR_9)'),
    });
    trunks.rules.splice(0, 1, theirs('1234'));
    expect(await inbound({}, trunks)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('PIN'),
    });
  });

  it('is not needed where calls are only placed', async () => {
    expect(await inbound(OUTBOUND, new FakeTrunks())).toMatchObject({ status: 'skipped' });
  });

  it('is ambiguous', async () => {
    const trunks = await setUp(CARRIER);
    trunks.inbound.push(new SIPInboundTrunkInfo({ ...trunks.inbound[0], sipTrunkId: 'ST_8' }));
    expect(await inbound(CARRIER, trunks)).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('ST_8'),
    });
  });
});

describe('the outbound trunk', () => {
  const outbound = (
    env: Record<string, string>,
    trunks: FakeTrunks,
    resolve: () => Promise<unknown> = () => Promise.resolve(),
  ) => look((sip) => outboundCheck(settingsOf(env), { sip }, resolve), trunks);

  it('is what the settings say; about REFER only the carrier can tell', async () => {
    const finding = await outbound(OUTBOUND, await setUp({ ...CARRIER, ...OUTBOUND }));
    expect(finding).toMatchObject({
      check: 'outbound_trunk',
      status: 'ok',
      message: expect.stringMatching(
        /\+15550100000 through sip\.example\.com:5061.*REFER.*carrier/,
      ),
    });
  });

  it('is not any more', async () => {
    const change = { SIP_OUTBOUND_ADDRESS: 'sip2.example.com' };
    const trunks = await setUp({ ...CARRIER, ...OUTBOUND });
    expect(await outbound({ ...OUTBOUND, ...change }, trunks)).toMatchObject({
      status: 'problem',
      remedy: expect.stringContaining('npm run sip:setup'),
    });
  });

  it('is missing, or not wanted', async () => {
    expect(await outbound(OUTBOUND, new FakeTrunks())).toMatchObject({ status: 'problem' });
    expect(await outbound({}, new FakeTrunks())).toMatchObject({ status: 'skipped' });
  });

  it('has a host without an address; one that is an address is not looked up', async () => {
    const fails = () => Promise.reject(new Error('ENOTFOUND'));
    const trunks = await setUp({ ...CARRIER, ...OUTBOUND });
    expect(await outbound(OUTBOUND, trunks, fails)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('sip.example.com has no address'),
    });
    const byAddress = { ...OUTBOUND, SIP_OUTBOUND_ADDRESS: '[2001:db8::1]:5060' };
    const trunk = await setUp({ ...CARRIER, ...byAddress });
    expect(await outbound(byAddress, trunk, fails)).toMatchObject({ status: 'ok' });
  });
});
