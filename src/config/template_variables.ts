/** What can be said about a call in a template. Structural, because the CRM lies above this folder. */
export interface TemplateSubject {
  /** The contact as the CRM gave it; `null` for an unknown caller. */
  contact: Readonly<Record<string, unknown>> | null;
  /** What is known of the call itself; becomes `call.*`. */
  call: Readonly<Record<string, unknown>>;
  /** The `variables` that came with the call through the API. */
  variables?: Readonly<Record<string, unknown>>;
}

/** The names that templates can count on; all but these come with a call. */
export const TEMPLATE_VARIABLES = {
  customerName: 'The contact’s name.',
  customerPhone: 'The contact’s phone number.',
  customerEmail: 'The contact’s e-mail address.',
  accountStatus: 'The state of the contact’s account, in the CRM’s words.',
  lastInteraction: 'When or what the last contact was, in the CRM’s words.',
  preferredLanguage: 'The contact’s language, `en` where the CRM has none.',
  caseId: 'The case that the call is about.',
  priority: 'The priority of that case.',
  contact: 'Everything the CRM knows of the contact, such as `contact.company`.',
  call: 'The call itself, such as `call.from`.',
} as const;

/**
 * The variables of a call's templates. The API's own go to the top level and win where they say
 * something (an empty text or `null` does not), except over `contact` and `call`.
 */
export function templateVariables({
  contact,
  call,
  variables = {},
}: TemplateSubject): Record<string, unknown> {
  const given = Object.entries(variables).filter(([, value]) => isSomething(value));
  const defaults: Record<Exclude<keyof typeof TEMPLATE_VARIABLES, 'contact' | 'call'>, unknown> = {
    customerName: contact?.name,
    customerPhone: contact?.phone,
    customerEmail: contact?.email,
    accountStatus: contact?.accountStatus,
    lastInteraction: contact?.lastInteraction,
    preferredLanguage: isSomething(contact?.preferredLanguage) ? contact?.preferredLanguage : 'en',
    caseId: contact?.caseId ?? contact?.case_id,
    priority: contact?.priority,
  };
  return { ...defaults, ...Object.fromEntries(given), contact: contact ?? {}, call };
}

function isSomething(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}
