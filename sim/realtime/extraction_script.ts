import { z } from 'zod';

/** What the text model does when it is asked; a list of them is a script. */
export type ExtractionStep =
  /** Fills in the form that it was given: these values, the rest made up to fit. */
  | { kind: 'fill'; values: Record<string, unknown> }
  /** Says exactly this, whatever the form. */
  | { kind: 'say'; text: string; finish: 'stop' | 'length' | 'content_filter' }
  | { kind: 'refuse'; text: string }
  /** Answers with an error, or with a page that is no completion. */
  | { kind: 'http'; status: number; retryAfter: string | undefined; body: string | undefined }
  /** Takes the request and never answers. */
  | { kind: 'hang' }
  /** Cuts the connection. */
  | { kind: 'drop' };

const behaviours = z.strictObject({
  say: z.string().optional(),
  finish: z.enum(['stop', 'length', 'content_filter']).optional(),
  refuse: z.string().optional(),
  status: z.int().min(200).max(599).optional(),
  retry_after: z.union([z.string(), z.number()]).optional(),
  body: z.string().optional(),
  hang: z.literal(true).optional(),
  drop: z.literal(true).optional(),
});

const step = z.record(z.string(), z.unknown()).transform((fields, context): ExtractionStep => {
  const words = Object.keys(fields).filter((key) => key.startsWith('$'));
  if (words.length === 0) return { kind: 'fill', values: fields };
  const named = Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key.replace(/^\$/, ''), value]),
  );
  const parsed = behaviours.safeParse(named);
  if (!parsed.success || words.length < Object.keys(fields).length) {
    context.addIssue({
      code: 'custom',
      message:
        'is either the values of a form, or one of $say (with $finish), $refuse, $status (with $retry_after, $body), $hang, $drop',
    });
    return z.NEVER;
  }
  return behaviourOf(parsed.data);
});

function behaviourOf(fields: z.infer<typeof behaviours>): ExtractionStep {
  const { say, finish = 'stop', refuse, status, retry_after, body, hang } = fields;
  if (hang) return { kind: 'hang' };
  if (say !== undefined) return { kind: 'say', text: say, finish };
  if (refuse !== undefined) return { kind: 'refuse', text: refuse };
  if (status !== undefined) {
    const retryAfter = retry_after === undefined ? undefined : String(retry_after);
    return { kind: 'http', status, retryAfter, body };
  }
  return { kind: 'drop' };
}

/** The scenario's `extraction`: a step, or one for each request in order, of which the last stays. */
export const extractionScript = z.preprocess(
  (value) => (Array.isArray(value) ? value : [value]),
  z.array(step).min(1),
);
