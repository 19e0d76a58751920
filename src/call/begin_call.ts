import type { JobContext } from '@livekit/agents';
import { RoomEvent } from '@livekit/rtc-node';
import { logger } from '../config/log.ts';
import type { EndReason } from '../events/catalogue.ts';
import type { CallId } from '../ids.ts';
import { LedgerClient } from '../ledger/client.ts';
import { livekitApi } from '../telephony/livekit_api.ts';
import { departureOf } from '../telephony/sip_participant.ts';
import { CallEnding } from './call_ending.ts';
import { CallJournal } from './call_journal.ts';
import type { CallRuntime } from './call_runtime.ts';
import { finishCall } from './finish_call.ts';
import type { LiveCall } from './live_call.ts';
import { watchMedia } from './media_watch.ts';
import { watchPhone } from './phone_watch.ts';

export interface CallIdentity {
  id: CallId;
  /** 1 for a call that this process opens; else what it was given with it. */
  lease: number;
  direction: LiveCall['direction'];
  /** The ledger has the call already. */
  opened: boolean;
}

/**
 * A call from its first moment: with its ledger, and with everything outside that can end it watched.
 * From here on `ending` is all that anybody needs to end it, once.
 */
export function beginCall(
  job: JobContext,
  runtime: CallRuntime,
  { id, lease, direction, opened }: CallIdentity,
): { call: LiveCall; ledger: LedgerClient } {
  const { settings, socketPath, spoolDir } = runtime;
  // Not the room's name: it has the caller's number in it.
  const log = logger('call').child({ call: id, room: job.job.room?.sid });
  const ledger = new LedgerClient({ callId: id, lease, socketPath, spoolDir });
  const ending = new CallEnding();
  const call: LiveCall = {
    id,
    direction,
    job,
    settings,
    log,
    livekit: livekitApi(settings.livekit),
    journal: new CallJournal(id, ledger, log),
    ending,
    startedAt: Date.now(),
    opened,
    variables: {},
    contact: { state: 'none' },
  };
  ending.onEnd((reason) => finishCall(call, ledger, reason));
  // The job must not exit before the end is written, whoever asked it to.
  job.addShutdownCallback(async () => {
    await ending.end('shutdown');
  });
  endWithTheWorld(call, ledger);
  return { call, ledger };
}

/** Everything outside that can end a call: the phone, the room, the worker, another owner. */
function endWithTheWorld(call: LiveCall, ledger: LedgerClient): void {
  const { job, ending } = call;
  watchPhone(call);
  watchMedia(call);
  job.room.on(RoomEvent.Disconnected, (reason) => {
    const removed = departureOf(reason) === 'removed';
    void ending.end(removed ? 'ended_by_api' : 'media_lost');
  });
  // The channel to the worker closes when the worker is gone, however it went.
  process.once('disconnect', () => void ending.end(lossOf(call)));
  ledger.fenced.addEventListener('abort', () => void ending.end('worker_lost'), { once: true });
}

/** A phone that we called hears from nobody any more: it is hung up before it was answered. */
function lossOf({ direction, answeredAt }: LiveCall): EndReason {
  return direction === 'outbound' && answeredAt === undefined ? 'dial_failed' : 'worker_lost';
}
