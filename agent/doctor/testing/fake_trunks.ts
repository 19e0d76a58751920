import {
  SIPDispatchRuleInfo,
  SIPInboundTrunkInfo,
  SIPOutboundTrunkInfo,
  type SipClient,
} from 'livekit-server-sdk';

/** LiveKit's trunks and rules in memory: what is made is there, as it was asked for. */
export class FakeTrunks {
  readonly inbound: SIPInboundTrunkInfo[] = [];
  readonly outbound: SIPOutboundTrunkInfo[] = [];
  readonly rules: SIPDispatchRuleInfo[] = [];

  get sip(): SipClient {
    const fake: Partial<SipClient> = {
      listSipInboundTrunk: () => Promise.resolve([...this.inbound]),
      listSipOutboundTrunk: () => Promise.resolve([...this.outbound]),
      listSipDispatchRule: () => Promise.resolve([...this.rules]),
      createSipInboundTrunk: (name, numbers, options) => {
        const { ringingTimeout, ...more } = options ?? {};
        const trunk = SIPInboundTrunkInfo.fromJson({
          name,
          numbers,
          sipTrunkId: `ST_${this.inbound.length}`,
          ...(ringingTimeout === undefined ? {} : { ringingTimeout: `${ringingTimeout}s` }),
        });
        this.inbound.push(new SIPInboundTrunkInfo({ ...trunk, ...more }));
        return Promise.resolve(trunk);
      },
      createSipOutboundTrunk: (name, address, numbers, options) => {
        const sipTrunkId = `ST_out${this.outbound.length}`;
        const trunk = new SIPOutboundTrunkInfo({ name, address, numbers, sipTrunkId, ...options });
        this.outbound.push(trunk);
        return Promise.resolve(trunk);
      },
      createSipDispatchRule: (_, options) => {
        const rule = SIPDispatchRuleInfo.fromJson({
          sipDispatchRuleId: `SDR_${this.rules.length}`,
          name: options?.name ?? '',
          trunkIds: options?.trunkIds ?? [],
          rule: { dispatchRuleIndividual: { roomPrefix: 'call' } },
        });
        if (options?.roomConfig) rule.roomConfig = options.roomConfig;
        this.rules.push(rule);
        return Promise.resolve(rule);
      },
    };
    return fake as SipClient;
  }
}
