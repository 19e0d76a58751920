import { z } from 'zod';
import { callRules } from './call_rules.ts';
import { extractionSchema } from './extraction_fields.ts';
import { followUpRules } from './follow_up_rules.ts';
import { hooksSchema } from './hooks_schema.ts';
import { toE164 } from './phone_number.ts';

/** The tools that a profile can give to its agent. */
export const TOOL_NAMES = [
  'record_intent',
  'lookup_crm',
  'update_crm_note',
  'transfer_call',
  'end_call',
] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

// A name that the model may say, safe as an object key and in a log.
const TRANSFER_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

const words = z.string().regex(/\S/, 'is empty');

// Checked here and rewritten by `profileFrom`: zod leaves defaults and examples of what transforms
// out of the JSON Schema that the reference is made from.
const phoneNumber = z
  .string()
  .refine(
    (text) => toE164(text) !== null,
    'must be a phone number with its country code, such as "+15550100000"',
  );

const transferTarget = z
  .string()
  .refine(isTransferUri, 'must be a URI such as "tel:+15550100200" or "sip:sales@pbx.example.com"');

function isTransferUri(uri: string): boolean {
  // It becomes a SIP header, so nothing that could end one.
  if (!/^[\x21-\x7e]{1,255}$/.test(uri) || /[<>"\\,]/.test(uri)) return false;
  if (/^sips?:/.test(uri))
    return /^sips?:(?:[^@]+@)?(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?(?:[;?].*)?$/.test(uri);
  const number = /^tel:(\+?[\d().-]+)(?:;.*)?$/.exec(uri)?.[1];
  if (!number) return false;
  // Without a plus it is an extension that only the carrier or the PBX can judge.
  return number.startsWith('+') ? toE164(number) !== null : /\d/.test(number);
}

const seconds = z.number().min(0).max(3_600);

/** A profile that promises callers to be told of the recording must have the words for it. */
const DISCLOSURE_MISSING =
  'has nothing to wait for: write the disclosure, or after_disclosure: false';

/**
 * For what is wrong between two keys: said beside what is wrong elsewhere, and not when that is
 * mended. Such a check sees keys that are wrong themselves as they are written.
 */
const whateverIsWrong = () => true;

/**
 * An agent profile as it is written. The descriptions and examples are the reference in
 * docs/configuration.md.
 */
export const profileSchema = z
  .strictObject({
    name: words.meta({ description: 'What people call this agent.', examples: ['Front desk'] }),
    numbers: z
      .array(phoneNumber)
      .default([])
      .meta({
        description:
          'The dialled numbers that this agent answers. The one profile without any is the default agent and takes all other calls.',
        examples: [['+15550100000']],
      }),
    prompt: words.meta({
      description: 'The instructions to the model: a template.',
      examples: ['You are the front desk of Northwind. The caller is {{customerName}}.'],
    }),
    first_message: z
      .string()
      .optional()
      .meta({
        description:
          'Spoken first: a template. Without the key the model opens by itself from the prompt; with `""` the caller speaks first.',
        examples: ["Hi {{customerName | default: 'there'}}, this is Northwind."],
      }),
    disclosure: words.optional().meta({
      description:
        'Spoken before the first message, whole: the agent listens only when it has been said. A template.',
      examples: ['This call may be recorded.'],
    }),
    recording: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .meta({ description: '`false` records nothing.', examples: [true] }),
        after_disclosure: z
          .boolean()
          .default(true)
          .meta({
            description:
              '`true`: what is said before the `disclosure` has been heard to its end is not recorded, and a call in which it could not be said is not recorded at all. `false`: from the answer on.',
            examples: [true],
          }),
        retain_days: z
          .number()
          .min(0.01)
          .max(36_500)
          .optional()
          .meta({
            description:
              'Days after the call at which its recording is deleted (default: with the call, `RETAIN_DAYS`).',
            examples: [30],
          }),
      })
      .optional()
      .meta({
        description:
          'Calls are recorded, the other party on the left channel and the agent on the right. docs/recordings.md says more.',
        examples: [{ enabled: true, after_disclosure: true, retain_days: 30 }],
      }),
    model: words
      .default('gpt-realtime')
      .meta({ description: 'The speech model.', examples: ['gpt-realtime'] }),
    voice: words.default('marin').meta({ description: 'The model’s voice.', examples: ['cedar'] }),
    language: z
      .string()
      .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'must be a language tag such as "en" or "pt-BR"')
      .default('en')
      .meta({ description: 'What callers speak: a hint to the transcription.', examples: ['de'] }),
    turn_detection: z
      .strictObject({
        by: z
          .enum(['meaning', 'silence'])
          .default('meaning')
          .meta({
            description:
              'How the model hears that the caller has finished: by what they say, or by how long they are silent.',
            examples: ['silence'],
          }),
        eagerness: z
          .enum(['auto', 'low', 'medium', 'high'])
          .default('medium')
          .meta({
            description: 'By meaning: `low` lets people think, `high` answers at once.',
            examples: ['low'],
          }),
        silence_ms: z
          .int()
          .min(100)
          .max(5_000)
          .default(500)
          .meta({ description: 'By silence: after how many milliseconds.', examples: [700] }),
        threshold: z
          .number()
          .min(0)
          .max(1)
          .default(0.5)
          .meta({ description: 'By silence: how loud speech has to be.', examples: [0.7] }),
      })
      .prefault({})
      .meta({ description: 'When it is the agent’s turn to speak.' }),
    barge_in: z
      .strictObject({
        debounce_ms: z
          .int()
          .min(0)
          .max(2_000)
          .default(150)
          .meta({
            description: 'For how many milliseconds the caller has to be heard.',
            examples: [250],
          }),
        min_volume: z
          .number()
          .min(0)
          .max(1)
          .default(0.3)
          .meta({
            description:
              'How loud: 0 is silence, 1 the loudest there is. A person at the phone speaks at 0.5 to 0.7.',
            examples: [0.4],
          }),
      })
      .optional()
      .meta({
        description:
          'What it takes to cut the agent off in its words (default: whatever the model takes for speech).',
        examples: [{ debounce_ms: 150, min_volume: 0.3 }],
      }),
    noise_reduction: z
      .enum(['near_field', 'far_field', 'off'])
      .default('off')
      .meta({
        description:
          'Noise taken out before the model hears it: for a phone at the ear, or one on a table.',
        examples: ['near_field'],
      }),
    tools: z
      .array(z.enum(TOOL_NAMES))
      .default([...TOOL_NAMES])
      .meta({ description: 'What the agent can do.', examples: [['record_intent', 'end_call']] }),
    lookup: z
      .enum(['caller', 'any'])
      .default('caller')
      .meta({
        description:
          'Whom `lookup_crm` may look up: only the caller’s own record, or any number that is asked for. A caller’s number is easily forged: `any` trusts everyone who calls.',
        examples: ['any'],
      }),
    speak_fields: z
      .array(words)
      .default(['name'])
      .meta({
        description: 'The fields of a contact that `lookup_crm` gives to the model.',
        examples: [['name', 'accountStatus']],
      }),
    transfers: z
      .record(
        z.string(),
        z.strictObject({
          to: transferTarget.meta({
            description: 'Where the call goes: a `tel:`, `sip:` or `sips:` URI.',
            examples: ['tel:+15550100200'],
          }),
          say: z
            .string()
            .optional()
            .meta({
              description: 'Spoken before the transfer: a template.',
              examples: ['I’ll put you through to sales.'],
            }),
        }),
      )
      .superRefine((transfers, context) => {
        for (const name of Object.keys(transfers)) {
          if (TRANSFER_NAME.test(name)) continue;
          context.addIssue({
            code: 'custom',
            path: [name],
            message: 'must have a name of small letters, digits, - and _ only',
          });
        }
      })
      .default({})
      .meta({
        description: 'Where `transfer_call` may send a call, by the name that the model uses.',
      }),
    context: z
      .strictObject({
        budget_ms: z
          .int()
          .min(0)
          .max(60_000)
          .optional()
          .meta({
            description:
              'Milliseconds that the phone may ring on while the caller is looked up and the start hook answers (default: `CONTEXT_BUDGET_MS`, for a start hook 10000).',
            examples: [2500],
          }),
        on_missing: z
          .enum(['answer', 'reject', 'forward'])
          .optional()
          .meta({
            description:
              'What happens to a call whose context has not come in time: `answer`, and what comes late is told to the model, `reject`, or `forward` to `forward_to` (default: `answer`, with a start hook `reject`). Calls that are placed are not forwarded: they end.',
            examples: ['reject'],
          }),
        forward_to: z
          .string()
          .optional()
          .meta({ description: 'The name of one of the `transfers`.', examples: ['sales'] }),
      })
      .prefault({})
      .meta({ description: 'Knowing the caller before answering.' }),
    hooks: hooksSchema.optional().meta({
      description:
        'Your backend says at each call how the agent is, and does its tools. docs/hooks.md says more.',
      examples: [{ on_call_start: 'https://backend.example/calls/start' }],
    }),
    silence: z
      .strictObject({
        prompt_after_s: seconds.default(20).meta({
          description:
            'Seconds of silence after which the agent asks whether somebody is there; `0` = never.',
          examples: [15],
        }),
        hang_up_after_s: seconds.default(60).meta({
          description: 'Seconds of the same silence after which the call ends; `0` = never.',
          examples: [45],
        }),
      })
      .refine(
        ({ prompt_after_s, hang_up_after_s }) =>
          prompt_after_s === 0 || hang_up_after_s === 0 || hang_up_after_s > prompt_after_s,
        'must have hang_up_after_s greater than prompt_after_s: both count from the start of the silence',
      )
      .prefault({})
      .meta({ description: 'When nobody says anything.' }),
    voicemail: z
      .strictObject({
        policy: z
          .enum(['hang_up', 'leave_message', 'continue'])
          .default('hang_up')
          .meta({
            description:
              'What the agent does when it has called a machine: `hang_up` at once, `leave_message` behind the beep and hang up, or `continue` as if it were a person.',
            examples: ['leave_message'],
          }),
        message: words.optional().meta({
          description: 'What is left: a template. Spoken whole, behind the beep.',
          examples: ['This is Northwind for {{customerName}}. Please call us back.'],
        }),
      })
      .refine(({ policy, message }) => policy !== 'leave_message' || message !== undefined, {
        path: ['message'],
        message: 'is missing: leave_message needs something to leave',
      })
      .prefault({})
      .meta({
        description:
          'Answering machines, mailboxes, menus and announcements that a call of ours reaches. docs/voicemail.md says more.',
      }),
    max_minutes: z
      .number()
      .min(0.01)
      .max(1_440)
      .optional()
      .meta({
        description:
          'The call ends after this many minutes, if `MAX_CALL_MINUTES` has not ended it.',
        examples: [30],
      }),
    extraction: extractionSchema.default({}).meta({
      description:
        'What is read from the transcript after the call, beside `summary`, `interested`, `appointmentDateTimeISO`, `appointmentDurationMinutes` and `contactEmail`: a name and its type, `string`, `number`, `integer`, `boolean`, `datetime`, `email` (with `?`: `null` where the call did not tell), a list of words, or `{type, description}`. docs/after-the-call.md says more.',
      examples: [{ callBackAt: 'datetime?', plan: ['basic', 'pro'] }],
    }),
    followups: followUpRules.default([]).meta({
      description:
        'Whom this agent called is called once more, by the outcome of the call. docs/calls.md says more.',
      examples: [[{ on: 'NO_ANSWER', after: '2h', times: 3 }]],
    }),
    rules: callRules.default([]).meta({
      description:
        'Whom an agent has spoken with, or tried to, another one calls, by what is known after the call. docs/after-the-call.md says more.',
      examples: [
        [{ on: 'call.completed', when: 'contact.AnnualRevenue > 100000', call_with: 'vip' }],
      ],
    }),
  })
  .refine(
    ({ disclosure, recording }) =>
      !recording?.enabled || !recording.after_disclosure || disclosure !== undefined,
    { path: ['recording', 'after_disclosure'], message: DISCLOSURE_MISSING, when: whateverIsWrong },
  )
  .refine(
    ({ context, transfers }) => {
      const to = context?.forward_to;
      return typeof to !== 'string' || Object.hasOwn(transfers ?? {}, to);
    },
    {
      path: ['context', 'forward_to'],
      message: 'must be the name of one of the transfers',
      when: whateverIsWrong,
    },
  )
  .refine(({ context }) => context?.on_missing !== 'forward' || context.forward_to !== undefined, {
    path: ['context', 'forward_to'],
    message: 'is missing: on_missing: forward needs the name of one of the transfers',
    when: whateverIsWrong,
  });

export type ProfileDocument = z.output<typeof profileSchema>;
