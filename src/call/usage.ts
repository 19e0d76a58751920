import type { LiveCall } from './live_call.ts';

/** The tokens of the session so far; agents-js leaves model and provider empty for Realtime. */
export function sessionUsage(call: LiveCall): Record<string, unknown> | null {
  const used = call.session?.usage.modelUsage.find((usage) => usage.type === 'llm_usage');
  if (!used) return null;
  const { provider: _provider, model: _model, type: _type, ...tokens } = used;
  return { model: call.profile?.model, ...tokens };
}
