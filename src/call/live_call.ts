import type { JobContext, voice } from '@livekit/agents';
import type { Logger } from 'pino';
import type { Profile } from '../config/profile.ts';
import type { Settings } from '../config/settings.ts';
import type { Contact, Crm } from '../crm/crm.ts';
import type { CallId } from '../ids.ts';
import type { LiveKitApi } from '../telephony/livekit_api.ts';
import type { SipCaller } from '../telephony/sip_participant.ts';
import type { KnownContact } from '../tools/tool_context.ts';
import type { Announcer } from './announcer.ts';
import type { CallEnding } from './call_ending.ts';
import type { CallJournal } from './call_journal.ts';
import type { CallModel } from './realtime_model.ts';

/** One call while it lives: what its parts share. */
export interface LiveCall {
  readonly id: CallId;
  readonly direction: 'inbound' | 'outbound';
  readonly job: JobContext;
  readonly settings: Settings;
  readonly log: Logger;
  readonly livekit: LiveKitApi;
  readonly journal: CallJournal;
  readonly ending: CallEnding;
  /** When the phone began to ring, as far as we saw it; outbound, when it was dialled. Milliseconds. */
  startedAt: number;
  /** The ledger has been told of the call. */
  opened: boolean;
  /** The phone: known once it is in the room; of an outbound call, before it is dialled. */
  caller?: SipCaller;
  /** What the API gave for the templates. */
  variables: Readonly<Record<string, unknown>>;
  /** The SIP status that an outbound call failed with, where one came. */
  failedWith?: number | null;
  profile?: Profile;
  crm?: Crm;
  contact: KnownContact;
  model?: CallModel;
  /** From the moment the phone is answered. */
  session?: voice.AgentSession;
  agent?: voice.Agent;
  announcer?: Announcer;
  /** Once it is recorded; `stop` ends that, resolves when all of it is on the disk, never rejects. */
  recording?: { stop(): Promise<void> };
  answeredAt?: number;
  /** Another process has it: its room and its record are left alone. */
  disowned?: boolean;
  /** A REFER is under way, or one ended without anybody knowing how. */
  transfer?: 'pending' | 'unconfirmed';
}

/** E.164 of the other party; `null` where it is not known. */
export function otherParty({ direction, caller }: LiveCall): string | null {
  if (!caller) return null;
  return direction === 'inbound' ? caller.from : caller.to;
}

/** The contact in hand right now, for templates and look-ups. */
export function contactInHand(call: LiveCall): Contact | null {
  return call.contact.state === 'ready' ? (call.contact.contact as Contact | null) : null;
}
