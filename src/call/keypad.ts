import { type Room, RoomEvent } from '@livekit/rtc-node';

/** A pause this long, or `#`, ends what the caller is keying in. */
const BETWEEN_KEYS_MS = 2_000;

export interface Keypad {
  /** From now on; what was keyed in before is given at once. */
  follow(onKeys: (keys: string) => void): void;
}

/**
 * Collects keys (RFC 4733 events, as livekit-sip forwards them) in groups, and keeps them until somebody
 * follows: who knows the menu presses the first in the moment of the answer.
 */
export function watchKeypad(room: Room, identity: string, signal: AbortSignal): Keypad {
  const kept: string[] = [];
  let give = (entered: string): void => void kept.push(entered);
  let keys = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    const entered = keys;
    keys = '';
    if (entered && !signal.aborted) give(entered);
  };
  const onDigit = (_code: number, digit: string, participant: { identity: string }) => {
    if (participant?.identity !== identity) return;
    keys += digit;
    clearTimeout(timer);
    if (digit === '#') flush();
    else timer = setTimeout(flush, BETWEEN_KEYS_MS);
  };
  room.on(RoomEvent.DtmfReceived, onDigit);
  signal.addEventListener(
    'abort',
    () => {
      clearTimeout(timer);
      room.off(RoomEvent.DtmfReceived, onDigit);
    },
    { once: true },
  );
  return {
    follow: (onKeys) => {
      give = onKeys;
      kept.splice(0).forEach(onKeys);
    },
  };
}
