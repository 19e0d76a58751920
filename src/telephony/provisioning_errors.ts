import { ServerError, type SIPInboundTrunkInfo } from 'livekit-server-sdk';
import { CallwireError } from '../errors.ts';

/**
 * Runs requests to LiveKit; their errors become ones with a code and a remedy. `refused` explains
 * what LiveKit could do and does not want to.
 */
export async function explained<T>(
  requests: () => Promise<T>,
  refused: (error: ServerError) => CallwireError = livekitRefused,
): Promise<T> {
  try {
    return await requests();
  } catch (error) {
    if (!(error instanceof ServerError)) throw unreachable(error);
    if (error.status === 401 || error.status === 403) throw keyRefused(error);
    const unwanted = error.code === 'invalid_argument' || error.code === 'failed_precondition';
    throw unwanted ? refused(error) : livekitRefused(error);
  }
}

export function numbersConflict(trunk: SIPInboundTrunkInfo): CallwireError {
  const numbers =
    trunk.numbers.length > 0 ? 'has a number of SIP_NUMBERS' : 'takes calls to every number';
  return new CallwireError(
    'SIP_TRUNK_CONFLICT',
    `The inbound trunk "${trunk.name}" (${trunk.sipTrunkId}) ${numbers}, and is not of Callwire's making`,
    {
      remedy:
        'A number can only have one trunk. Delete that trunk in LiveKit, or take the number out of ' +
        'it, or leave it out of SIP_NUMBERS.',
    },
  );
}

export function inboundRefused(error: ServerError): CallwireError {
  // LiveKit's message names the other one, but numbers as well: it stays in the cause.
  return new CallwireError(
    'SIP_TRUNK_CONFLICT',
    'LiveKit refuses the trunk or rule, most often because another one has the same numbers',
    {
      remedy:
        'Compare the inbound trunks and dispatch rules in LiveKit (dashboard, or: lk sip inbound ' +
        'list, lk sip dispatch list) and delete those that are not used.',
      cause: error,
    },
  );
}

export function outboundRefused(error: ServerError): CallwireError {
  return new CallwireError('SIP_OUTBOUND_REFUSED', 'LiveKit refuses the outbound trunk', {
    remedy:
      'Compare SIP_OUTBOUND_ADDRESS and SIP_CALLER_NUMBER with what your carrier says: the address ' +
      'is that of its SIP trunk, the number one that it has given you.',
    cause: error,
  });
}

function keyRefused(error: ServerError): CallwireError {
  return new CallwireError('LIVEKIT_REFUSED', 'LiveKit does not accept the API key', {
    remedy:
      'LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be those of the project of LIVEKIT_URL. For ' +
      'the local stack leave all three unset.',
    cause: error,
  });
}

function livekitRefused(error: ServerError): CallwireError {
  return new CallwireError(
    'LIVEKIT_REFUSED',
    `LiveKit answered ${error.status}${error.code ? ` (${error.code})` : ''}`,
    {
      retryable: error.status >= 500,
      remedy:
        'A LiveKit of your own needs redis in its configuration for phone calls, and livekit-sip ' +
        'beside it. Otherwise try again later.',
      cause: error,
    },
  );
}

function unreachable(error: unknown): unknown {
  // What fetch throws where nobody answers, and when its time is up.
  const network =
    error instanceof TypeError ||
    (error instanceof DOMException && ['TimeoutError', 'AbortError'].includes(error.name));
  if (!network) return error;
  return new CallwireError('LIVEKIT_UNREACHABLE', 'LiveKit does not answer', {
    retryable: true,
    remedy:
      'Check LIVEKIT_URL; for the local stack, start it first in another terminal: npm run stack',
    cause: error,
  });
}
