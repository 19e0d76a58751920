import type { JobContext, voice } from '@livekit/agents';
import type { Logger } from 'pino';
import type { HookRule, Profile } from '../config/profile.ts';
import type { Settings } from '../config/settings.ts';
import type { Contact, Crm } from '../crm/crm.ts';
import type { ReachAgents } from '../delivery/reach_agents.ts';
import type { AnsweredBy } from '../events/vocabulary.ts';
import type { HookTarget } from '../hooks/hook_post.ts';
import type { BackendTool } from '../hooks/hook_tools.ts';
import type { CallId } from '../ids.ts';
import type { LiveKitApi } from '../telephony/livekit_api.ts';
import type { SipCaller } from '../telephony/sip_participant.ts';
import type { KnownContact } from '../tools/tool_context.ts';
import type { Announcer } from './announcer.ts';
import type { CallEnding } from './call_ending.ts';
import type { CallJournal } from './call_journal.ts';
import type { Filler } from './filler.ts';
import type { Keypad } from './keypad.ts';
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
  /** From the INVITE on; settles when the phone was answered, or is certain not to ring any more. */
  dialling?: Promise<unknown>;
  /** The SIP status that an outbound call failed with, where one came. */
  failedWith?: number | null;
  /** Where a start hook has answered, as it wants it. */
  profile?: Profile;
  /** Where the profile has hooks. */
  backend?: CallBackend;
  crm?: Crm;
  contact: KnownContact;
  model?: CallModel;
  /** From the moment the phone is answered. */
  session?: voice.AgentSession;
  agent?: voice.Agent;
  announcer?: Announcer;
  keypad?: Keypad;
  /** Speaks while a tool waits. */
  filler?: Filler;
  /** Gives the model the tools that the call has by now. */
  offerTools?: () => Promise<void>;
  /** Once it is recorded; `stop` ends that, resolves when all of it is on the disk, never rejects. */
  recording?: { stop(): Promise<void> };
  answeredAt?: number;
  /** Of an outbound call: who is there, as far as it has been found out. */
  answeredBy?: AnsweredBy;
  /** It must end whatever its other party says: the last goodbye is being said, and nobody is listened to. */
  leaving?: boolean;
  /** Another process has it: its room and its record are left alone. */
  disowned?: boolean;
  /** A REFER is under way, or one ended without anybody knowing how. */
  transfer?: 'pending' | 'unconfirmed';
}

/** The backend that says how the agent of a call is. */
export interface CallBackend {
  readonly rule: HookRule;
  /** Signs what it is asked. */
  readonly secret: string;
  readonly agents: ReachAgents;
  /** What does its tools; `null` where nothing does. */
  toolTarget: HookTarget | null;
  /** Once it has answered, on time or late; what of it the profile has no place for. */
  agent?: {
    /** As it is, no template. */
    prompt: string;
    greeting: string | undefined;
    /** Never rejects: `null` where it cannot be had. */
    recordedGreeting: Promise<Int16Array | null> | undefined;
    tools: readonly BackendTool[];
    /** The model never sees it. */
    metadata: Readonly<Record<string, unknown>>;
  };
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
