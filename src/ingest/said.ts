import type { Report } from '../events/reported_call.ts';

type Said = NonNullable<Report['said']>;

/** What platforms call the two sides. Others (system, tools) said nothing on the phone. */
const ROLES: Record<string, 'agent' | 'caller'> = {
  agent: 'agent',
  ai: 'agent',
  assistant: 'agent',
  bot: 'agent',
  robot: 'agent',
  caller: 'caller',
  callee: 'caller',
  contact: 'caller',
  customer: 'caller',
  human: 'caller',
  lead: 'caller',
  prospect: 'caller',
  user: 'caller',
};

/** `undefined` for whoever is not on the phone. */
export function roleOf(role: string | undefined): 'agent' | 'caller' | undefined {
  return role === undefined ? undefined : ROLES[role.toLowerCase()];
}

const SPEAKERS = new RegExp(
  `(?:^|\\n)[ \\t]*(${Object.keys(ROLES).join('|')})[ \\t]*:[ \\t]*`,
  'gi',
);

/** A transcript that is one text, a line for each utterance; without speakers it is one of nobody. */
export function saidIn(text: string | undefined): Said | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const said: Said = [];
  let from = 0;
  let role: Said[number]['role'] = null;
  const add = (to: number) => {
    const words = text.slice(from, to).trim();
    if (words !== '') said.push({ role, text: words });
  };
  for (const match of text.matchAll(SPEAKERS)) {
    add(match.index);
    role = roleOf(match[1]) ?? null;
    from = match.index + match[0].length;
  }
  add(text.length);
  return said;
}

/** The utterances of both sides; `undefined` where there are none. */
export function saidBy(
  items: readonly { role: string | undefined; text: string | undefined; at?: number | undefined }[],
): Said | undefined {
  const said = items.flatMap(({ role: who, text, at }) => {
    const role = roleOf(who);
    if (role === undefined || text === undefined) return [];
    return [{ role, text, ...(at !== undefined && { at: Math.round(at) }) }];
  });
  return said.length > 0 ? said : undefined;
}
