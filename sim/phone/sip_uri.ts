import { CallwireError } from '../../src/errors.ts';

/** A UDP address; `host` may be a name, which the socket resolves. */
export interface Endpoint {
  host: string;
  port: number;
}

/** `"Bob" <sip:bob@host;lr>;tag=1` taken apart (RFC 3261 20.10). Parameter names are lower case. */
export interface NameAddr {
  uri: string;
  params: Map<string, string>;
}

function parseParams(text: string): Map<string, string> {
  const params = new Map<string, string>();
  for (const part of text.split(';')) {
    const [name = '', value = ''] = part.split('=', 2);
    if (name.trim()) params.set(name.trim().toLowerCase(), value.trim().replace(/^"|"$/g, ''));
  }
  return params;
}

/** Without angle brackets every parameter belongs to the field, not to the URI. */
export function parseNameAddr(value: string): NameAddr {
  const bracketed = /^(?:"(?:[^"\\]|\\.)*"|[^"<]*)\s*<([^>]*)>(.*)$/.exec(value.trim());
  if (bracketed) return { uri: bracketed[1]!.trim(), params: parseParams(bracketed[2]!) };
  const [uri = '', ...rest] = value.trim().split(';');
  return { uri: uri.trim(), params: parseParams(rest.join(';')) };
}

/** Where a request for this `sip:` URI goes over UDP: `maddr` first, 5060 unless it names a port. */
export function endpointOf(uri: string): Endpoint {
  const match = /^sips?:(?:[^@;?]*@)?(\[[^\]]+\]|[^:;?>]+)(?::(\d+))?([^?]*)/i.exec(uri.trim());
  if (!match) {
    throw new CallwireError('PHONE_BAD_SIP_URI', 'this URI has no host a phone could send to');
  }
  const maddr = parseParams(match[3] ?? '').get('maddr');
  return {
    host: (maddr || match[1]!).replace(/^\[|\]$/g, ''),
    port: match[2] ? Number(match[2]) : 5060,
  };
}

/** The topmost Via taken apart (RFC 3261 20.42). */
export function parseVia(via: string): { sentBy: Endpoint; params: Map<string, string> } {
  const match = /^SIP\s*\/\s*2\.0\s*\/\s*\w+\s+(\[[^\]]+\]|[^:;\s]+)(?::(\d+))?\s*(.*)$/i.exec(via);
  return {
    sentBy: {
      host: (match?.[1] ?? '').replace(/^\[|\]$/g, ''),
      port: match?.[2] ? Number(match[2]) : 5060,
    },
    params: parseParams(match?.[3] ?? ''),
  };
}

/** The user of a `sip:` URI or the number of a `tel:` one, as it was dialled; '' where it has none. */
export function userOf(uri: string): string {
  const match = /^(?:sips?:([^@;]*)[^@]*@|tel:([^;?]*))/i.exec(uri.trim());
  return match?.[1] ?? match?.[2] ?? '';
}
