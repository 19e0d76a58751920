import { z } from 'zod';
import type { CrmWrite } from './crm.ts';

/** The frozen body of a job of kind `crm_write`. */
export type CrmWriteBody = CrmWrite & {
  /** The tool call that asked for the write; repeated in the event. */
  toolCallId?: string;
};

const common = {
  id: z.string().min(1),
  contactId: z.string().min(1).nullable(),
  phone: z.string().min(1).nullable(),
  toolCallId: z.string().min(1).exactOptional(),
};

/** It comes from the database, perhaps of an earlier version: read, not trusted. */
export const crmWriteBodySchema: z.ZodType<CrmWriteBody> = z.discriminatedUnion('operation', [
  z.object({ ...common, operation: z.literal('note'), text: z.string() }),
  z.object({
    ...common,
    operation: z.literal('activity'),
    activity: z.object({
      type: z.literal('call'),
      phone: z.string().nullable(),
      duration_seconds: z.number(),
      intent: z.string().nullable(),
      summary: z.string().nullable(),
      transfer_to: z.string().nullable(),
    }),
  }),
]);
