import type { ToolName } from '../config/profile_schema.ts';
import { endCall } from './end_call.ts';
import { lookupCrm } from './lookup_crm.ts';
import { recordIntent } from './record_intent.ts';
import type { Tool } from './tool.ts';
import type { ToolContext } from './tool_context.ts';
import { transferCall } from './transfer_call.ts';
import { updateCrmNote } from './update_crm_note.ts';

/** The tools that a profile names; `transfer_call` only where there is somewhere to transfer to. */
export function builtInTools(names: readonly ToolName[], context: ToolContext): Tool[] {
  const makers: Record<ToolName, () => unknown> = {
    record_intent: () => recordIntent(context),
    lookup_crm: () => lookupCrm(context),
    update_crm_note: () => updateCrmNote(context),
    transfer_call: () => transferCall(context),
    end_call: () => endCall(context),
  };
  return names
    .filter((name) => name !== 'transfer_call' || Object.keys(context.transfers).length > 0)
    .map((name) => makers[name]() as Tool);
}
