import { z } from 'zod';

/**
 * A URL of the operator's own backend. Plain http and private addresses are allowed, for whoever
 * writes a profile owns the machine; credentials are not, for a URL is shown in logs.
 */
const hookUrl = z
  .string()
  .refine(isHookUrl, 'must be a URL such as "https://backend.example/calls/start"');

function isHookUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return url.username === '' && url.password === '';
}

const origin = z
  .string()
  .refine(
    (text) => isHookUrl(text) && URL.parse(text)?.origin === text,
    'must be an origin such as "https://tools.example", without a path',
  );

/** The key `hooks` of a profile. */
export const hooksSchema = z.strictObject({
  on_call_start: hookUrl.meta({
    description: 'Asked before the phone is answered: prompt, voice, tools and more of this call.',
    examples: ['https://backend.example/calls/start'],
  }),
  on_tool_call: hookUrl.optional().meta({
    description:
      'Asked when the model calls a tool that the start hook gave it; the start hook’s `onToolCallUrl` goes first.',
    examples: ['https://backend.example/calls/tool'],
  }),
  on_call_end: hookUrl.optional().meta({
    description: 'Told of each call’s end, like an endpoint of events.',
    examples: ['https://backend.example/calls/end'],
  }),
  secret_env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')
    .optional()
    .meta({
      description: 'The variable with the secret that signs the hooks (default: `WEBHOOK_SECRET`).',
      examples: ['MY_HOOK_SECRET'],
    }),
  may_forward: z
    .array(
      z
        .string()
        .regex(
          /^((tel:)?\+\d+|sips?:[^@]+@.+)$/,
          'must be the beginning of a number such as "+1555", or a URI such as "sip:office@pbx.example.com"',
        ),
    )
    .default([])
    .meta({
      description:
        'Where the start hook may send a call beside the `transfers`: beginnings of numbers, and whole `sip:` URIs.',
      examples: [['+1555']],
    }),
  allowed_origins: z
    .array(origin)
    .default([])
    .meta({
      description:
        'Origins beside the start hook’s own at which its `onToolCallUrl` and `greetingUrl` are trusted like it.',
      examples: [['https://tools.example']],
    }),
});

export type HooksDocument = z.output<typeof hooksSchema>;
