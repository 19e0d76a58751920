import { Agent } from 'undici';
import { CallwireError } from '../src/errors.ts';
import type { SignatureFamily } from '../src/events/signatures.ts';
import { SIGNATURE_REFUSALS } from '../src/store/job_record.ts';
import { type ReceiverCheck, receiverChecks } from './receiver_checks.ts';
import { ANSWER_LIMIT_MS, type PostOutcome, signedPost } from './signed_post.ts';

export interface CheckResult extends Pick<ReceiverCheck, 'name' | 'sent' | 'expected'> {
  /** One for each request that was sent. */
  answers: readonly PostOutcome[];
  ok: boolean;
  /** What to do; `null` where all is right. */
  hint: string | null;
}

export interface ReceiverReport {
  url: string;
  signatures: readonly SignatureFamily[];
  /** Every result is. */
  ok: boolean;
  results: readonly CheckResult[];
}

export interface CheckReceiverOptions {
  url: URL;
  secret: string;
  /** What its deliveries are signed with; one of them has a timestamp. */
  families: readonly SignatureFamily[];
  /** How long each answer may take (Default: as long as a delivery waits, 15 s) */
  limitMs?: number;
  /** Told of each result as it is there. */
  onResult?: (result: CheckResult) => void;
}

/** What tells that nobody is there, or that it cannot be spoken to; a receiver that hangs is there. */
const CUT_OFF = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'timeout']);

/**
 * Sends a receiver what it will meet, good and bad, one request after the other, and judges its
 * answers.
 *
 * @throws `RECEIVER_UNREACHABLE` where the first request finds nobody.
 */
export async function checkReceiver(options: CheckReceiverOptions): Promise<ReceiverReport> {
  const { url, secret, families, limitMs = ANSWER_LIMIT_MS, onResult = () => {} } = options;
  const dispatcher = new Agent({ connections: 1, connect: { timeout: limitMs } });
  const results: CheckResult[] = [];
  try {
    for (const check of receiverChecks(secret, families)) {
      const answers: PostOutcome[] = [];
      for (const request of check.requests) {
        const answer = await signedPost({ url, dispatcher, limitMs, ...request() });
        if (results.length === 0) refuseNobody(url, answer);
        answers.push(answer);
        if (check.expected === 'accepted_in_time' && !isUnauthorised(answer)) break;
      }
      const result = judged(check, answers);
      results.push(result);
      onResult(result);
    }
  } finally {
    await dispatcher.destroy();
  }
  return { url: url.href, signatures: families, ok: results.every(({ ok }) => ok), results };
}

function refuseNobody(url: URL, { error }: PostOutcome): void {
  if (error === null || CUT_OFF.has(error)) return;
  throw new CallwireError('RECEIVER_UNREACHABLE', `Nobody answers at ${url.origin}: ${error}.`, {
    retryable: true,
    remedy: 'Start the receiver, or correct the URL: host, port, and for https its certificate.',
  });
}

function judged(check: ReceiverCheck, answers: readonly PostOutcome[]): CheckResult {
  const { name, sent, expected, hint } = check;
  const isRight = expected === 'refused' ? isRefused : isAccepted;
  const judgedOnes = expected === 'accepted_in_time' ? answers.slice(-1) : answers;
  const wrong = judgedOnes.find((answer) => !isRight(answer));
  const result = { name, sent, expected, answers };
  if (wrong === undefined) return { ...result, ok: true, hint: null };
  return { ...result, ok: false, hint: generalHint(wrong, expected) ?? hint };
}

/** What the answer itself says, whatever was sent. */
function generalHint(
  { status, error }: PostOutcome,
  expected: ReceiverCheck['expected'],
): string | null {
  if (error === 'timeout') {
    return 'No answer within 15 s: keep the event, answer, and work on it afterwards.';
  }
  if (error !== null) return 'The connection broke: look into the log of the receiver.';
  if (status >= 300 && status < 400) return 'Redirects are not followed: use the URL behind it.';
  if (status >= 500) return 'It failed over this: look into the log of the receiver.';
  if (status === 410) {
    return '410 says that the endpoint is gone for good, and disables one made through the API.';
  }
  if (expected === 'refused' && (status === 408 || status === 429)) {
    return `${status} asks for a retry: refuse for good, with 401.`;
  }
  return null;
}

function isAccepted({ status }: PostOutcome): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** 4xx, but for those that mean something else to a sender. */
function isRefused({ status }: PostOutcome): boolean {
  return status !== null && status >= 400 && status < 500 && ![408, 410, 429].includes(status);
}

/** As the deliveries to an endpoint with two secrets see it. */
function isUnauthorised({ status }: PostOutcome): boolean {
  return status !== null && SIGNATURE_REFUSALS.includes(status);
}
