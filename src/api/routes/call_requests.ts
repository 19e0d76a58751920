import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AcceptedCall, CallRequest } from '../../dialling/call_acceptance.ts';
import { isCallwireError } from '../../errors.ts';
import { callableNumber } from '../../gate/callable_number.ts';
import { type Refusal, refusalOfNumber } from '../../gate/refusal.ts';
import { within } from '../../ledger/within.ts';
import type { CallRecord } from '../../store/store.ts';
import type { ApiApp } from '../api_app.ts';
import { ApiError, invalidField, notFound } from '../api_error.ts';
import type { ApiOptions } from '../api_options.ts';
import { e164 } from '../e164.ts';
import { MAX_CALL_BODY_BYTES } from '../json_body.ts';
import { readCall } from '../read_call.ts';
import { ShownCall, shownCall } from '../shown_call.ts';
import { ErrorAnswer, IdParams, Time, text } from '../wire.ts';

const MAX_VARIABLES = 100;
const MAX_VARIABLE_BYTES = 4 * 1024;
const MAX_METADATA_BYTES = 16 * 1024;
const MAX_AHEAD_MS = 366 * 86_400_000;

const Variables = z
  .record(z.string().max(200), z.unknown())
  .refine((variables) => Object.keys(variables).length <= MAX_VARIABLES, {
    message: `has more than ${MAX_VARIABLES} variables`,
  })
  .refine(
    (variables) => Object.values(variables).every((one) => bytes(one) <= MAX_VARIABLE_BYTES),
    {
      message: `has a variable of more than ${MAX_VARIABLE_BYTES} bytes`,
    },
  )
  .describe(
    `For the templates of prompt and first message, at the top level: ${MAX_VARIABLES} at most, of 4 KB each. Empty texts and nulls are as good as none.`,
  );

const Metadata = z
  .record(z.string(), z.unknown())
  .refine((metadata) => bytes(metadata) <= MAX_METADATA_BYTES, {
    message: `is larger than ${MAX_METADATA_BYTES} bytes`,
  })
  .describe('Echoed in every event and in the API, 16 KB at most. Never shown to the model.');

const NewCall = z.object({
  agentId: text(200).describe('The agent that speaks: the name of its profile.'),
  phoneNumber: text(64).describe('Whom to call, with country code.'),
  fromNumber: text(64)
    .nullish()
    .describe(
      'The caller’s number; `fromPhoneNumberId` is accepted too. Default: SIP_CALLER_NUMBER.',
    ),
  fromPhoneNumberId: text(64).nullish().meta({ deprecated: true }),
  variables: Variables.nullish(),
  metadata: Metadata.nullish(),
  idempotencyKey: text(255)
    .nullish()
    .describe(
      'One call for each key in 24 hours; the header `Idempotency-Key` does the same. Two that differ are refused.',
    ),
  knownConsent: z.boolean().nullish().describe('You know that this person agreed to be called.'),
  consentRecordId: text(255).nullish().describe('Where that is written down; counts as consent.'),
  scheduledFor: Time.nullish().describe('When to call. Default: at once.'),
});

const READ_LIMIT_MS = 5_000;

const Headers = z.object({ 'idempotency-key': z.string().trim().max(255).optional() });

/** To place calls, and to end them. */
export function callRequestRoutes(app: ApiApp, options: ApiOptions): void {
  const { agents, outbound, endCall } = options;
  const config = { access: 'calls:write' } as const;
  const tags = ['Calls'];
  const CallAnswer = z.object({ call: ShownCall });
  const shown = async (call: CallRecord) => ({ call: await readCall(options, call) });

  app.post(
    '/calls',
    {
      config: { ...config, keepsTime: true },
      bodyLimit: MAX_CALL_BODY_BYTES,
      schema: {
        operationId: 'createCall',
        summary: 'Call somebody',
        description:
          'Answered as soon as the call is written down; what becomes of it is told by events and shown by `GET /v1/calls/{id}`. The gate decides first: consent, suppression list, calling hours, caps. With an idempotency key a repeated request gets the call of the first one; with another body it is refused (409).',
        tags,
        headers: Headers,
        body: NewCall,
        response: { 202: CallAnswer, default: ErrorAnswer },
      },
    },
    async ({ body, headers, caller }, reply) => {
      if (!outbound) throw new ApiError('unavailable', 'Set SIP_OUTBOUND_ADDRESS to place calls.');
      if (!agents().some(({ id }) => id === body.agentId)) {
        throw invalidField('agentId', 'there is no agent of that name');
      }
      const request = requestOf(body, {
        apiKeyId: caller?.keyId ?? '',
        headerKey: headers['idempotency-key'],
        callerNumber: outbound.callerNumber,
      });
      const callable = callableNumber(request.to);
      if (!callable.ok) throw refusedByGate(refusalOfNumber(callable.reason));
      const accepted = await unlessUnavailable(outbound.accept({ ...request, to: callable.e164 }));
      const call = callOf(accepted);
      // One that is new has nothing beside its row.
      const isNew = accepted.status === 'accepted';
      const answer = isNew
        ? { call: shownCall(call, { events: [], recording: null }) }
        : await within(READ_LIMIT_MS, shown(call));
      if (!answer) throw new ApiError('unavailable', 'The store does not answer. Ask again.');
      return reply.code(202).send(answer);
    },
  );

  app.post(
    '/calls/:id/end',
    {
      config,
      schema: {
        operationId: 'endCall',
        summary: 'End a call',
        description:
          'In whatever state it is: one that waits is never dialled, one that rings or talks is hung up. Takes no body. Returns the call as it then is; one that had ended stays as it was, and so does one of another platform (`provider`), which only that platform can end.',
        tags,
        params: IdParams,
        response: { 200: CallAnswer, default: ErrorAnswer },
      },
    },
    async ({ params, signal }) => {
      const call = await unlessUnavailable(endCall(params.id, signal));
      if (!call) throw notFound('call');
      return await shown(call);
    },
  );
}

function requestOf(
  body: z.infer<typeof NewCall>,
  given: { apiKeyId: string; headerKey: string | undefined; callerNumber: string | undefined },
): CallRequest {
  const { idempotencyKey: _, ...asked } = body;
  const from = fromNumber(body, given.callerNumber);
  const key = idempotencyKey(body, given.headerKey);
  const scheduledFor = body.scheduledFor ? Date.parse(body.scheduledFor) : null;
  if (scheduledFor !== null && scheduledFor > Date.now() + MAX_AHEAD_MS) {
    throw invalidField('scheduledFor', 'is more than a year ahead');
  }
  return {
    agentId: body.agentId,
    to: body.phoneNumber,
    from,
    variables: body.variables ?? {},
    metadata: body.metadata ?? {},
    consent: { known: body.knownConsent ?? null, recordId: body.consentRecordId ?? null },
    scheduledFor,
    apiKeyId: given.apiKeyId,
    idempotency: key === null ? null : { key, bodyHash: hashOf(asked) },
    followsCallId: null,
  };
}

/** Two that differ are two intentions, of which one would be forgotten. */
function idempotencyKey(
  { idempotencyKey: key }: z.infer<typeof NewCall>,
  headerKey: string | undefined,
): string | null {
  if (key && headerKey && key !== headerKey) {
    throw invalidField(
      'idempotencyKey',
      'is another than that of the header Idempotency-Key: send one of them, or the same in both',
    );
  }
  return key || headerKey || null;
}

function fromNumber(
  { fromNumber: from, fromPhoneNumberId: alias }: z.infer<typeof NewCall>,
  callerNumber: string | undefined,
): string {
  const asked = from ?? alias;
  if (!asked) {
    if (callerNumber) return callerNumber;
    throw invalidField('fromNumber', 'is needed: SIP_CALLER_NUMBER is not set');
  }
  return e164('fromNumber', asked);
}

function callOf(accepted: AcceptedCall): CallRecord {
  switch (accepted.status) {
    case 'conflict':
      throw new ApiError(
        'idempotency_conflict',
        'This idempotency key has made a call of another body.',
      );
    case 'refused':
      throw refusedByGate(accepted.refusal);
    default:
      return accepted.call;
  }
}

function refusedByGate({ code, message, details }: Refusal): ApiError {
  return new ApiError(code, message, { details });
}

async function unlessUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isCallwireError(error) && error.retryable) {
      throw new ApiError('unavailable', `${error.message} ${error.remedy ?? ''}`.trim());
    }
    throw error;
  }
}

/** The same for the same request, in whatever order its keys stand. */
function hashOf(body: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(body)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, sorted(one)]),
  );
}

function bytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}
