import type { Report } from '../events/reported_call.ts';
import type { JsonObject } from './loose.ts';

/**
 * One platform: how its webhooks are told from others' and what they say. Adding one is a folder with
 * one of these, and a line in `platforms.ts`.
 */
export interface Platform {
  /** As it stands in `provider` of our events. */
  readonly name: string;
  /** By structure alone. */
  recognises(body: JsonObject): boolean;
  read(body: JsonObject): Reading;
}

/** What one webhook is. */
export type Reading =
  /** It says something of a call. */
  | {
      kind: 'report';
      /** The platform's id of the call, whole. */
      callId: string;
      /** In the platform's words. */
      event: string;
      report: Report;
      /** Of an event that we do not know: kept as it is, without credentials. */
      unknown?: JsonObject;
      /** Fields of a shape of ours with values that say nothing: whoever made the body is told. */
      ignored?: readonly string[];
    }
  /** It wants to know something, and waits for it. */
  | { kind: 'question'; callId: string | null; question: Question }
  /** Nothing says which call it is about. */
  | { kind: 'no_call' };

/** What platforms ask during their calls. */
export type Question =
  /** How to begin a call that comes in: who is calling. */
  | {
      kind: 'beginning';
      /** The other party, E.164; `null` where it withholds its number. */
      caller: string | null;
      called: string | null;
      /** Turns what is known into the platform's answer. */
      answer: (known: KnownCaller) => JsonObject;
    }
  /** Functions that the platform's model has called. */
  | {
      kind: 'functions';
      /** The other party, E.164, and the number of ours. */
      caller: string | null;
      called: string | null;
      calls: { id: string | null; name: string; arguments: JsonObject }[];
      answer: (results: unknown[]) => unknown;
    };

/** What the CRM has said in time. */
export interface KnownCaller {
  contactId: string | null;
  /** By the names that prompts use; empty where nothing is known, for a missing one is an error. */
  variables: Record<string, string>;
  /** The agent profile that the dialled number belongs to, its texts filled in. */
  agent: { prompt: string; firstMessage: string | null; language: string } | null;
}
