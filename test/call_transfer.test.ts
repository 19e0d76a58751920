import { describe, expect, it } from 'vitest';
import type { ReferPlan } from '../sim/phone/refer.ts';
import { Caller } from './caller.ts';
import { sharedInstallation } from './shared_installation.ts';
import { wholeRecord } from './whole_record.ts';

const SALES = 'tel:+15550100200';

describe('a transfer by REFER', () => {
  const installation = sharedInstallation({
    number: '+15550106030',
    profiles: {
      'front-desk.yaml': `name: Front desk
prompt: Help the caller.
first_message: ""
transfers:
  sales: { to: "${SALES}", say: "To sales." }
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
`,
    },
  });

  const asksForSales = async (plan: ReferPlan): Promise<Caller> => {
    const caller = await wishesForSales(plan);
    await caller.hearsEnd();
    return caller;
  };

  const wishesForSales = async (plan: ReferPlan): Promise<Caller> => {
    installation.model?.setScenario(`
turns:
  - hears: Sales, please.
    do: [{ call: { tool: transfer_call, arguments: { destination: sales } } }]
    then: "{{ result.transfer_call.say }}"
  - hears: Never mind then.
    say: Anything else?
on_instructed: Sorry.
`);
    const caller = await Caller.dial(installation);
    caller.call.onRefer = () => plan;
    await caller.answered();
    await caller.speaks();
    return caller;
  };

  const refer = (caller: Caller) => caller.call.timeline.find(({ what }) => what === 'refer');

  it('is announced, goes to the very target of the profile, and ends the call', async () => {
    const caller = await asksForSales({
      answer: 202,
      notify: [
        { afterMs: 0, status: 100 },
        { afterMs: 300, status: 200 },
      ],
    });
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    expect(refer(caller)).toMatchObject({ target: SALES, status: 202 });
    // The REFER waits until the announcement has been heard.
    expect(refer(caller)?.at).toBeGreaterThan(caller.call.heard.lastLoudAt() ?? Infinity);
    const record = await wholeRecord(installation);
    expect(record.one('call.transferred')).toMatchObject({
      destination: 'sales',
      outcome: 'confirmed',
    });
    expect(record.ended).toMatchObject({
      end_reason: 'transferred',
      transcript: 'Caller: Sales, please.\nAgent: To sales.',
    });
    expect(installation.backend.writes.at(-1)?.body).toMatchObject({ transfer_to: 'sales' });
  });

  const failures: [string, ReferPlan, number][] = [
    ['is declined', { answer: 603 }, 603],
    [
      'finds the line busy',
      {
        answer: 202,
        notify: [
          { afterMs: 0, status: 100 },
          { afterMs: 200, status: 486 },
        ],
      },
      486,
    ],
  ];
  it.each(failures)('that %s leaves the caller with the agent', async (_name, plan, status) => {
    const caller = await asksForSales(plan);
    await caller.hearsEnd();
    const session = await caller.session;
    expect(session.said.at(-1)).toBe('Sorry.');
    await caller.asks();
    expect(session.said.at(-1)).toBe('Anything else?');
    await caller.call.hangUp();

    const record = await wholeRecord(installation);
    expect(record.one('call.transfer_failed')).toMatchObject({
      destination: 'sales',
      sip_status: status,
    });
    expect(record.one('call.transferred')).toBeUndefined();
    expect(record.ended.end_reason).toBe('caller_hung_up');
    expect(installation.backend.writes.at(-1)?.body).toMatchObject({ transfer_to: null });
  });

  it('that failed can be tried again', async () => {
    installation.model?.setScenario(`
turns:
  - hears: Sales, please.
    do: [{ call: { tool: transfer_call, arguments: { destination: sales } } }]
    then: Yes.
  - hears: Try again.
    do: [{ call: { tool: transfer_call, arguments: { destination: sales } } }]
    then: Yes.
on_instructed: Sorry.
`);
    const caller = await Caller.dial(installation);
    const answers = [603, 202];
    caller.call.onRefer = () => ({
      answer: answers.shift() ?? 202,
      notify: [{ afterMs: 100, status: 200 }],
    });
    await caller.answered();
    await caller.asks();
    await caller.hearsEnd();
    await caller.asks();
    expect(await caller.call.ended()).toMatchObject({ by: 'them' });
    const record = await wholeRecord(installation);
    expect(record.all('call.transfer_failed')).toHaveLength(1);
    expect(record.all('call.transferred')).toHaveLength(1);
    expect(record.ended.end_reason).toBe('transferred');
  });

  it('is unconfirmed when the phone leaves before it says how it went', async () => {
    const caller = await asksForSales({ answer: 202, byeAfterMs: 300 });
    await caller.call.ended();
    const record = await wholeRecord(installation);
    expect(record.one('call.transferred')).toMatchObject({
      destination: 'sales',
      outcome: 'unconfirmed',
    });
    expect(record.ended.end_reason).toBe('transfer_unconfirmed');
  });

  it('does not happen for a caller who hangs up at the announcement', async () => {
    const caller = await wishesForSales({ answer: 202 });
    await caller.hearsBeginning();
    await caller.hears(100);
    await caller.call.hangUp();
    const record = await wholeRecord(installation);
    expect(refer(caller)).toBeUndefined();
    expect(record.one('call.transferred')).toBeUndefined();
    expect(record.ended.end_reason).toBe('caller_hung_up');
  });

  it.each(['the_moon', 'tel:+19005550199'])(
    'to %s, which the profile does not name, is refused',
    async (destination) => {
      installation.model?.setScenario(`
turns:
  - hears: Put me through.
    do: [{ call: { tool: transfer_call, arguments: { destination: "${destination}" } } }]
    then: No.
`);
      const caller = await Caller.dial(installation);
      await caller.answered();
      await caller.asks();
      const session = await caller.session;
      expect(session.toolResults).toHaveLength(1);
      expect(session.said).toEqual(['No.']);
      await caller.call.hangUp();
      const record = await wholeRecord(installation);
      expect(refer(caller)).toBeUndefined();
      expect(record.ended.end_reason).toBe('caller_hung_up');
    },
  );
});
