import { describe, expect, it } from 'vitest';
import { firstMessage, instructions, transfers } from './instructions.ts';
import { fakeLiveCall, PROFILE } from './testing/fake_live_call.ts';

const ADA = {
  state: 'ready' as const,
  contact: { id: 'con_1', name: 'Ada', company: 'Northwind' },
};

function callWith(profile: Partial<typeof PROFILE>, contact = ADA) {
  return fakeLiveCall({ profile: { ...PROFILE, ...profile }, contact }).call;
}

describe('the prompt', () => {
  it('knows the caller and the call', () => {
    const prompt = 'To {{customerName}} of {{contact.company}}, {{call.from}} to {{call.to}}.';
    expect(instructions(callWith({ prompt }))).toBe(
      'To Ada of Northwind, +15550100001 to +15550100000.',
    );
  });

  it('goes without a caller whom nobody knows yet', () => {
    const contact = Promise.resolve(null);
    const prompt = "To {{customerName | default: 'somebody'}}.";
    const { call } = fakeLiveCall({
      profile: { ...PROFILE, prompt },
      contact: { state: 'pending', contact },
    });
    expect(instructions(call)).toBe('To somebody.');
  });

  it('takes nothing of a contact for instructions of its own', () => {
    const contact = { state: 'ready' as const, contact: { ...ADA.contact, name: '{{call.from}}' } };
    expect(instructions(callWith({}, contact))).not.toContain('+15550100001');
  });
});

describe('the first message', () => {
  it('greets by name', () => {
    expect(firstMessage(callWith({ firstMessage: ' Hi {{customerName}}! ' }))).toBe('Hi Ada!');
  });

  it('is left to the model where the profile has none, to the caller where it is empty', () => {
    expect(firstMessage(callWith({ firstMessage: undefined }))).toBeUndefined();
    expect(firstMessage(callWith({ firstMessage: '' }))).toBe('');
  });
});

describe('the transfers', () => {
  it('announce themselves by name', () => {
    const filled = transfers(
      callWith({
        transfers: {
          sales: { to: 'tel:+15550100200', say: 'One moment, {{customerName}}.' },
          support: { to: 'sip:support@example.com', say: undefined },
        },
      }),
    );
    expect({ ...filled }).toEqual({
      sales: { to: 'tel:+15550100200', say: 'One moment, Ada.' },
      support: { to: 'sip:support@example.com', say: undefined },
    });
  });

  it('have no names but those of the profile', () => {
    const filled = transfers(callWith({ transfers: {} }));
    expect(filled.constructor).toBeUndefined();
    expect(filled.toString).toBeUndefined();
  });
});
