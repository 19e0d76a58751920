import type { Logger } from 'pino';
import { toE164 } from '../config/phone_number.ts';
import { renderTemplate } from '../config/template.ts';
import { plainText } from '../config/template_values.ts';
import { templateVariables } from '../config/template_variables.ts';
import type { Contact, Crm } from '../crm/crm.ts';
import { isCallwireError } from '../errors.ts';
import { type FoundContact, spokenContact } from '../tools/spoken_contact.ts';
import type { JsonObject } from './loose.ts';
import * as loose from './loose.ts';
import type { KnownCaller, Question } from './platform.ts';

/** What is asked of an agent profile here; `Profile` fits. */
export interface AskedAgent {
  prompt: string;
  firstMessage: string | undefined;
  language: string;
  lookup: 'caller' | 'any';
  speakFields: readonly string[];
}

export interface QuestionOptions {
  crm: Pick<Crm, 'findByPhone'>;
  /** The profile that a dialled number belongs to. */
  agentFor: (called: string) => AskedAgent | null;
  log: Logger;
  /** (Default: 3.5 s; platforms hang up on us after 5) */
  limitMs?: number;
}

const LIMIT_MS = 3_500;

/** Answers what a platform asks during its call, from the CRM; without it, with what is known then. */
export async function answerQuestion(
  question: Question,
  options: QuestionOptions,
  signal: AbortSignal,
): Promise<unknown> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(options.limitMs ?? LIMIT_MS)]);
  if (question.kind === 'beginning') {
    return question.answer(await knownCaller(question, options, limit));
  }
  const agent = question.called === null ? null : options.agentFor(question.called);
  const results = question.calls.map(({ name, arguments: given }) =>
    name === 'lookup_crm'
      ? lookUp(given, { caller: question.caller, agent }, options, limit)
      : { status: 'unknown_function' },
  );
  return question.answer(await Promise.all(results));
}

async function knownCaller(
  { caller, called }: Extract<Question, { kind: 'beginning' }>,
  options: QuestionOptions,
  limit: AbortSignal,
): Promise<KnownCaller> {
  const found = caller === null ? null : await find(caller, options, limit);
  const contact = found === 'not_available' ? null : found;
  const agent = called === null ? null : options.agentFor(called);
  const call = { direction: 'inbound', from: caller, to: called };
  const values = templateVariables({ contact, call });
  const variables = Object.fromEntries(
    VARIABLES.map(([name, ours]) => [name, wordsOf(values[ours])]),
  );
  return {
    contactId: contact?.id ?? null,
    variables,
    agent: agent && {
      prompt: renderTemplate(agent.prompt, values),
      firstMessage:
        agent.firstMessage === undefined ? null : renderTemplate(agent.firstMessage, values).trim(),
      language: agent.language,
    },
  };
}

/** As prompts on those platforms write them, and our own template variables behind them. */
const VARIABLES = [
  ['customer_name', 'customerName'],
  ['customer_phone', 'customerPhone'],
  ['customer_email', 'customerEmail'],
  ['account_status', 'accountStatus'],
  ['last_interaction', 'lastInteraction'],
  ['preferred_language', 'preferredLanguage'],
] as const;

function wordsOf(value: unknown): string {
  return value === undefined || value === null ? '' : plainText(String(value));
}

type LookUp = FoundContact | { status: 'not_found' | 'not_available' | 'not_allowed' };

/**
 * As our own agent's `lookup_crm`: the number that somebody calls from is a hint, no identity, so only
 * its own record is read, and only what the profile lets be spoken (the name, where none answers that
 * number).
 */
async function lookUp(
  given: JsonObject,
  { caller, agent }: { caller: string | null; agent: AskedAgent | null },
  options: QuestionOptions,
  limit: AbortSignal,
): Promise<LookUp> {
  const asked = loose.text.parse(given.phone);
  const phone = asked === undefined ? caller : toE164(asked, { near: caller });
  if (phone !== caller && agent?.lookup !== 'any') return { status: 'not_allowed' };
  if (phone === null) return { status: 'not_found' };
  const contact = await find(phone, options, limit);
  if (contact === 'not_available') return { status: contact };
  if (contact === null) return { status: 'not_found' };
  return spokenContact(contact, agent?.speakFields ?? ['name']);
}

/** Who has this number; `not_available` where the CRM does not say so in time. */
export async function find(
  phone: string,
  { crm, log }: Pick<QuestionOptions, 'crm' | 'log'>,
  limit: AbortSignal,
): Promise<Contact | null | 'not_available'> {
  try {
    return await crm.findByPhone(phone, limit);
  } catch (error) {
    const code = isCallwireError(error) ? error.code : 'CRM_UNAVAILABLE';
    log.warn({ code }, 'a platform asked who is calling, and the CRM gave no answer');
    return 'not_available';
  }
}
