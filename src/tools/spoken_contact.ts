export type FoundContact = {
  status: 'found';
  contact: Record<string, unknown>;
  /** For the model, where there is nothing to speak of. */
  note?: string;
};

/**
 * What a model is given of a contact: the fields that may be spoken, `null` for one that the CRM has no
 * value for. Where it has none for any of them that is said in words: a contact of nulls reads as if
 * nobody had been found.
 */
export function spokenContact(
  contact: Readonly<Record<string, unknown>>,
  speakFields: readonly string[],
): FoundContact {
  const fields = speakFields.map(
    (name) => [name, contact[name] === '' ? null : (contact[name] ?? null)] as const,
  );
  if (fields.some(([, value]) => value !== null)) {
    return { status: 'found', contact: Object.fromEntries(fields) };
  }
  const note = `the record has no value for: ${speakFields.join(', ') || 'anything that may be spoken'}`;
  return { status: 'found', contact: {}, note };
}
