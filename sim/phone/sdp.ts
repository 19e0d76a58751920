import { CallwireError } from '../../src/errors.ts';
import type { Endpoint } from './sip_uri.ts';

/** One audio stream of PCMU with telephone-event keys (RFC 4566, 3264, 3551, 4733). */

export const PCMU = 0;
const TELEPHONE_EVENT = 101;

/**
 * Our side of the session. It does not change, so later answers repeat it word for word (RFC 3264
 * 8). An answer takes keys under the number that they were offered with (RFC 3264 6.1).
 */
export function writeSdp(session: {
  host: string;
  port: number;
  id: number;
  keysPayloadType?: number | undefined;
}): string {
  const keys = session.keysPayloadType ?? TELEPHONE_EVENT;
  const lines = [
    'v=0',
    `o=- ${session.id} 1 IN IP4 ${session.host}`,
    's=-',
    `c=IN IP4 ${session.host}`,
    't=0 0',
    `m=audio ${session.port} RTP/AVP ${PCMU} ${keys}`,
    `a=rtpmap:${PCMU} PCMU/8000`,
    `a=rtpmap:${keys} telephone-event/8000`,
    `a=fmtp:${keys} 0-15`,
    'a=ptime:20',
    'a=sendrecv',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

export interface RemoteMedia {
  /** Where our packets go. */
  endpoint: Endpoint;
  /** The payload type of telephone-event, where they take keys. */
  keysPayloadType: number | undefined;
}

function refused(why: string): CallwireError {
  return new CallwireError('PHONE_NO_COMMON_MEDIA', `their SDP has no stream for us: ${why}`, {
    remedy: 'The phone speaks PCMU over plain RTP only: allow that codec on the other side.',
  });
}

/** Reads their SDP. Throws PHONE_NO_COMMON_MEDIA when it offers no PCMU over plain RTP. */
export function readSdp(sdp: string): RemoteMedia {
  let sessionHost: string | undefined;
  let audio: { port: number; types: number[]; host: string | undefined } | undefined;
  let inAudio = false;
  let keysPayloadType: number | undefined;
  for (const line of sdp.split(/\r?\n/)) {
    const media = /^m=(\w+) (\d+)(?:\/\d+)? (\S+) (.*)$/.exec(line);
    if (media) {
      inAudio = media[1] === 'audio' && !audio && /^RTP\/AVPF?$/.test(media[3]!);
      if (inAudio) {
        const types = media[4]!.trim().split(/\s+/).map(Number);
        audio = { port: Number(media[2]), types, host: undefined };
      }
      continue;
    }
    const connection = /^c=IN IP[46] ([^\s/]+)/.exec(line);
    if (connection) {
      if (audio && inAudio) audio.host = connection[1];
      else if (!audio) sessionHost = connection[1];
    }
    const keys = /^a=rtpmap:(\d+) telephone-event\/8000/i.exec(line);
    if (keys && inAudio) keysPayloadType = Number(keys[1]);
  }
  const host = audio?.host ?? sessionHost;
  if (!audio || !host || audio.port === 0) throw refused('no audio');
  if (!audio.types.includes(PCMU)) throw refused('no PCMU');
  return { endpoint: { host, port: audio.port }, keysPayloadType };
}
