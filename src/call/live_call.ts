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
  readonly job: JobContext;
  readonly settings: Settings;
  readonly log: Logger;
  readonly livekit: LiveKitApi;
  readonly journal: CallJournal;
  readonly ending: CallEnding;
  /** When the phone began to ring, as far as we saw it. Milliseconds. */
  readonly startedAt: number;
  /** The ledger has been told of the call. */
  opened: boolean;
  /** Known once the phone is in the room. */
  caller?: SipCaller;
  profile?: Profile;
  crm?: Crm;
  contact: KnownContact;
  model?: CallModel;
  /** From the moment the phone is answered. */
  session?: voice.AgentSession;
  agent?: voice.Agent;
  announcer?: Announcer;
  answeredAt?: number;
  /** A REFER is under way, or one ended without anybody knowing how. */
  transfer?: 'pending' | 'unconfirmed';
}

/** The contact in hand right now, for templates and look-ups. */
export function contactInHand(call: LiveCall): Contact | null {
  return call.contact.state === 'ready' ? (call.contact.contact as Contact | null) : null;
}
