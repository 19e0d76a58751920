import { z } from 'zod';
import { derivedId } from '../ids.ts';
import type { CallHistory } from '../store/event_composer.ts';
import type { CallRecord, JobDraft } from '../store/store.ts';
import { durationSeconds } from './derived_data.ts';

/**
 * The CRM's activity of an answered call, written once at its end. Its body is a `CrmActivity`
 * (`src/crm/crm.ts`, which stands above events and so cannot be imported). The id follows from
 * the call: whoever writes `call.ended`, and however often, the CRM is told of one activity.
 */
export function callActivityJob(call: CallRecord, history: CallHistory): JobDraft | null {
  if (call.answeredAt === null) return null;
  const id = derivedId('job', call.createdAt, `${call.id} activity`);
  const { phone } = call.contact;
  return {
    id,
    kind: 'crm_write',
    target: 'crm',
    body: {
      operation: 'activity',
      id,
      contactId: call.contact.id,
      phone,
      activity: {
        type: 'call',
        phone,
        duration_seconds: durationSeconds(call),
        intent: last(history, 'intent.recorded')?.intent ?? null,
        summary: lastNote(history),
        transfer_to: last(history, 'call.transferred')?.destination ?? null,
      },
    },
  };
}

const Body = z.object({
  data: z.object({
    intent: z.string().optional(),
    note: z.string().optional(),
    destination: z.string().optional(),
  }),
});

function last(history: CallHistory, type: string): z.infer<typeof Body>['data'] | undefined {
  const event = history.events.findLast((stored) => stored.type === type);
  return event && Body.parse(JSON.parse(event.body)).data;
}

const NoteCall = z.object({
  name: z.literal('update_crm_note'),
  arguments: z.object({ note: z.string() }),
});

/**
 * The note that the agent wrote down last. It is taken from the tool's call, which is in the ledger
 * before the CRM has seen the note; without one, from the last intent.
 */
function lastNote(history: CallHistory): string | null {
  const notes = history.facts
    .filter(({ kind }) => kind === 'tool_call')
    .map(({ data }) => NoteCall.safeParse(data).data?.arguments.note);
  const note = notes.findLast((text) => text !== undefined);
  return note ?? last(history, 'intent.recorded')?.note ?? null;
}
