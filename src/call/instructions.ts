import { renderTemplate } from '../config/template.ts';
import { templateVariables } from '../config/template_variables.ts';
import { contactInHand, type LiveCall } from './live_call.ts';

/** The backend's prompt, or that of the profile with what is known of the caller, for the model. */
export function instructions(call: LiveCall): string {
  if (call.backend?.agent) return call.backend.agent.prompt;
  return renderTemplate(call.profile?.prompt ?? '', variables(call));
}

/** `undefined`: the model opens by itself; `''`: the caller speaks first. */
export function firstMessage(call: LiveCall): string | undefined {
  const greeting = call.backend?.agent?.greeting;
  if (greeting !== undefined) return greeting.trim();
  const text = call.profile?.firstMessage;
  return text === undefined ? undefined : renderTemplate(text, variables(call)).trim();
}

/** What has to be said before anything else; `undefined` = nothing. */
export function disclosure(call: LiveCall): string | undefined {
  const text = call.profile?.disclosure;
  return text && renderTemplate(text, variables(call)).trim();
}

/** What is said to a machine that records; `undefined` = nothing. */
export function voicemailMessage(call: LiveCall): string | undefined {
  const text = call.profile?.voicemail.message;
  return text && renderTemplate(text, variables(call)).trim();
}

/** The transfers of the profile with their announcements filled in. */
export function transfers(
  call: LiveCall,
): Record<string, { to: string; say?: string | undefined }> {
  const filled = Object.entries(call.profile?.transfers ?? {}).map(([name, { to, say }]) => {
    return [name, { to, say: say && renderTemplate(say, variables(call)) }] as const;
  });
  return Object.assign(Object.create(null), Object.fromEntries(filled));
}

function variables(call: LiveCall): Record<string, unknown> {
  return templateVariables({
    contact: contactInHand(call),
    call: {
      id: call.id,
      direction: call.direction,
      from: call.caller?.from ?? null,
      to: call.caller?.to ?? null,
    },
    variables: call.variables,
  });
}
