import { draftEvent } from '../../src/events/catalogue.ts';

/** Makes the body 2 KB. */
const NOTE = 'The caller would like to see the flat on Thursday, or else on Friday. '.repeat(23);

/** An event that every endpoint gets, 2 KB as it is sent. */
export function measuredIntent(n: number) {
  return draftEvent('intent.recorded', { intent: 'measured', note: NOTE, tool_call_id: `fc_${n}` });
}
