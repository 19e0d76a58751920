import { type Room, RoomEvent } from '@livekit/rtc-node';

/** A pause this long, or `#`, ends what the caller is keying in. */
const BETWEEN_KEYS_MS = 2_000;

/** Collects keys (RFC 4733 events, as livekit-sip forwards them) and gives them in groups. */
export function watchKeypad(
  room: Room,
  identity: string,
  onKeys: (keys: string) => void,
  signal: AbortSignal,
): void {
  let keys = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    const entered = keys;
    keys = '';
    if (entered && !signal.aborted) onKeys(entered);
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
}
