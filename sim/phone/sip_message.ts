import { CallwireError } from '../../src/errors.ts';
import { SipHeaders } from './sip_headers.ts';

/** SIP messages as RFC 3261 section 7 writes them: start line, header fields, body. */

export interface SipRequest {
  kind: 'request';
  method: string;
  uri: string;
  headers: SipHeaders;
  body: string;
}

export interface SipResponse {
  kind: 'response';
  status: number;
  reason: string;
  headers: SipHeaders;
  body: string;
}

export type SipMessage = SipRequest | SipResponse;

const REASONS: Record<number, string> = {
  100: 'Trying',
  180: 'Ringing',
  183: 'Session Progress',
  200: 'OK',
  202: 'Accepted',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  603: 'Decline',
};

export function reasonPhrase(status: number): string {
  return REASONS[status] ?? (status < 300 ? 'OK' : 'Error');
}

function bad(why: string): CallwireError {
  return new CallwireError('PHONE_BAD_SIP_MESSAGE', `not a SIP message: ${why}`);
}

/** Reads one datagram. Throws PHONE_BAD_SIP_MESSAGE. */
export function parseMessage(datagram: Buffer): SipMessage {
  const headEnd = datagram.indexOf('\r\n\r\n');
  if (headEnd < 0) throw bad('no end of its header');
  // A line that begins with white space continues the one before it (RFC 3261 7.3.1).
  const head = datagram.toString('utf8', 0, headEnd).replace(/\r\n[ \t]+/g, ' ');
  const [start = '', ...lines] = head.split('\r\n');
  const headers = new SipHeaders();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw bad('a header line without a name');
    headers.add(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const available = datagram.length - headEnd - 4;
  const length = Number(headers.get('Content-Length') ?? available);
  if (!Number.isInteger(length) || length < 0 || length > available) {
    throw bad('a Content-Length that does not fit');
  }
  const body = datagram.toString('utf8', headEnd + 4, headEnd + 4 + length);
  for (const needed of ['Via', 'From', 'To', 'Call-ID', 'CSeq']) {
    if (!headers.get(needed)) throw bad(`no ${needed}`);
  }

  const response = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(start);
  if (response) {
    return {
      kind: 'response',
      status: Number(response[1]),
      reason: response[2] ?? '',
      headers,
      body,
    };
  }
  const request = /^([A-Z]+) (\S+) SIP\/2\.0$/.exec(start);
  if (!request) throw bad('its first line is neither a request nor a response');
  return { kind: 'request', method: request[1]!, uri: request[2]!, headers, body };
}

/** Writes one datagram; Content-Length is always ours. Throws PHONE_BAD_SIP_HEADER. */
export function serialiseMessage(message: SipMessage): Buffer {
  const start =
    message.kind === 'request'
      ? `${message.method} ${message.uri} SIP/2.0`
      : `SIP/2.0 ${message.status} ${message.reason}`;
  const lines = [start];
  for (const [name, value] of message.headers) {
    if (name.toLowerCase() === 'content-length') continue;
    if (/[\r\n]/.test(name + value)) {
      throw new CallwireError('PHONE_BAD_SIP_HEADER', 'a header field may not hold a line break');
    }
    lines.push(`${name}: ${value}`);
  }
  lines.push(`Content-Length: ${Buffer.byteLength(message.body)}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${message.body}`);
}

/** A response to `request` (RFC 3261 8.2.6): its Via, From, To, Call-ID and CSeq come back. */
export function responseTo(
  request: SipRequest,
  status: number,
  options: {
    /** Added to To where the request has none. */
    toTag?: string;
    headers?: Iterable<readonly [string, string]>;
    body?: string;
  } = {},
): SipResponse {
  const headers = new SipHeaders();
  for (const via of request.headers.all('Via')) headers.add('Via', via);
  for (const route of request.headers.all('Record-Route')) headers.add('Record-Route', route);
  headers.add('From', request.headers.get('From')!);
  const to = request.headers.get('To')!;
  const needsTag = options.toTag && !/;\s*tag=/i.test(to.slice(to.lastIndexOf('>') + 1));
  headers.add('To', needsTag ? `${to};tag=${options.toTag}` : to);
  headers.add('Call-ID', request.headers.get('Call-ID')!);
  headers.add('CSeq', request.headers.get('CSeq')!);
  for (const [name, value] of options.headers ?? []) headers.add(name, value);
  return {
    kind: 'response',
    status,
    reason: reasonPhrase(status),
    headers,
    body: options.body ?? '',
  };
}

export function cseqOf(message: SipMessage): { number: number; method: string } {
  const [number = '', method = ''] = (message.headers.get('CSeq') ?? '').split(/\s+/);
  return { number: Number(number), method: method.toUpperCase() };
}
