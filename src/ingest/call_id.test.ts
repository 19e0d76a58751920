import { describe, expect, it } from 'vitest';
import { keptCallId } from './call_id.ts';
import type { JsonObject } from './loose.ts';
import { bland, elevenlabs, retell, simplified, vapi } from './testing/bodies.ts';
import { type Door, openDoor } from './testing/door.ts';

/** Our id of the call, as a webhook is answered. */
async function told(door: Door, body: unknown): Promise<string> {
  const { status, body: answer } = await door.tell(body);
  expect(status).toBe(200);
  return (answer as { id: string }).id;
}

/** The same webhook of a call with another id. */
const BODIES: Record<string, (callId: string) => JsonObject> = {
  Retell: (call_id) => retell.ended({ call_id }),
  Vapi: (id) => {
    const body = vapi.ringing();
    return { message: { ...body.message, call: { ...body.message.call, id } } };
  },
  Bland: (call_id) => bland.postCall({ call_id }),
  ElevenLabs: (conversation_id) => elevenlabs.transcription({ conversation_id }),
  'the simplified shape': (callId) => simplified('call.completed', { callId }),
};

// Ids were cut behind 256 characters, and two calls whose ids began alike became one.
describe("another platform's id of a call", () => {
  it.each(Object.entries(BODIES))('of %s is told from every other', async (_, bodyOf) => {
    const door = await openDoor();
    const long = 'x'.repeat(256);
    const ids = [long, `${long}1`, `${long}2`, `${long}${'y'.repeat(1_000)}`, 'a b', 'a  b', 'ab'];
    const calls = new Map<string, string>();
    for (const id of ids) calls.set(await told(door, bodyOf(id)), id);
    expect([...calls.values()]).toEqual(ids);
    for (const [ours, theirs] of calls) {
      // What comes again is of the same call, with spaces around it as well.
      expect(await told(door, bodyOf(theirs))).toBe(ours);
      expect(await told(door, bodyOf(` ${theirs}\n`))).toBe(ours);
    }
  });

  it('is answered whole, and kept as far as it goes, with its hash', async () => {
    const door = await openDoor();
    const callId = 'n'.repeat(300);
    const { body } = await door.tell(simplified('call.ringing', { callId }));
    expect(body).toMatchObject({ callId });
    const call = await door.store.getCall((body as { id: string }).id);
    expect(call?.providerCallId).toMatch(/^n{191}~[0-9a-f]{64}$/);
  });

  it('that has a credential in it is kept without, and is no other call’s', async () => {
    const door = await openDoor();
    const calls = ['session-1', 'session-2'].map((callId) =>
      told(door, simplified('call.ringing', { callId, session_token: callId })),
    );
    const [first, second] = await Promise.all(calls);
    expect(first).not.toBe(second);
    const call = await door.store.getCall(first ?? '');
    expect(call?.providerCallId).toMatch(/^\[removed\]~[0-9a-f]{64}$/);
  });

  it('fits where it is kept, wherever it is cut', () => {
    const kept = keptCallId(`${'x'.repeat(190)}${'🙂'.repeat(50)}`, []);
    expect(kept).toHaveLength(256);
    expect(kept.isWellFormed()).toBe(true);
  });
});
