import { z } from 'zod';
import { toE164 } from '../config/phone_number.ts';
import { type FoundContact, spokenContact } from './spoken_contact.ts';
import type { Tool } from './tool.ts';
import type { ToolContext } from './tool_context.ts';

const parameters = z.object({
  phone: z
    .string()
    .max(40)
    .optional()
    .describe('Only when asked about another number than the one the caller calls from'),
});

/** How long a look-up may go on behind its answer before the model is told that it failed. */
const LATE_LOOKUP_MS = 5_000;

type Outcome =
  | FoundContact
  | { status: 'not_found' | 'not_available' | 'not_allowed' | 'looking_up' };

/**
 * `lookup_crm {phone?}`: from the context in hand, else `looking_up` now and the result as a new
 * reply. Caller ID is a hint, not an identity: only the caller's own record is read (unless the
 * profile says `lookup: any`), and only its `speak_fields` ever reach the model's answer.
 */
export function lookupCrm(context: ToolContext): Tool<typeof parameters> {
  const spoken = (contact: Record<string, unknown> | null): Outcome =>
    contact ? spokenContact(contact, context.speakFields) : { status: 'not_found' };

  const later = (find: (signal: AbortSignal) => Promise<Record<string, unknown> | null>) => {
    const limit = AbortSignal.any([context.signal, AbortSignal.timeout(LATE_LOOKUP_MS)]);
    const expired = new Promise<never>((_, reject) => {
      limit.addEventListener('abort', () => reject(limit.reason), { once: true });
    });
    Promise.race([find(limit), expired])
      .then(spoken, (): Outcome => ({ status: 'not_available' }))
      .then((outcome) => {
        if (context.signal.aborted) return;
        context.announce(
          `The look-up you started has finished: ${JSON.stringify(outcome)}. ` +
            'Tell the caller what matters of it in one sentence, or say that it is not available now.',
        );
      });
  };

  const lookUp = (asked: string | undefined): Outcome => {
    const phone = asked ? toE164(asked, { near: context.phone }) : context.phone;
    if (asked && phone !== context.phone) {
      if (context.lookup !== 'any') return { status: 'not_allowed' };
      if (!phone) return { status: 'not_found' };
      later((signal) => context.findByPhone(phone, signal));
      return { status: 'looking_up' };
    }
    const known = context.knownContact();
    if (known.state === 'ready') return spoken(known.contact);
    if (known.state === 'pending') {
      later(() => known.contact);
      return { status: 'looking_up' };
    }
    if (!phone) return { status: 'not_found' };
    later((signal) => context.findByPhone(phone, signal));
    return { status: 'looking_up' };
  };

  return {
    name: 'lookup_crm',
    description:
      "Look up the caller's record in the CRM. " +
      '"looking_up" means that the result comes in a moment: go on talking meanwhile. ' +
      '"not_allowed": only the record of the number they call from may be read.',
    parameters,
    atOnce: true,
    run({ phone }, { toolCallId }) {
      const result = lookUp(phone || undefined);
      // Nothing hangs on this record, unlike on that of a note: the answer does not wait for it.
      context
        .record({ toolCallId, name: 'lookup_crm', arguments: phone ? { phone } : {}, result })
        .catch((error: unknown) => context.log.warn({ err: error }, 'a look-up is not recorded'));
      return Promise.resolve({ result });
    },
  };
}
