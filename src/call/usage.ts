import type { LiveCall } from './live_call.ts';

/**
 * What the call has used so far (`src/cost/call_usage.ts`); `null` before there was a session.
 * agents-js leaves model and provider empty for Realtime, and knows nothing of the transcription.
 */
export function sessionUsage(call: LiveCall): Record<string, unknown> | null {
  const used = call.session?.usage.modelUsage.find((usage) => usage.type === 'llm_usage');
  if (!used) return null;
  const { provider: _provider, model: _model, type: _type, ...tokens } = used;
  const transcription = call.model?.transcription.total ?? null;
  return { model: call.profile?.model, ...tokens, transcription };
}
