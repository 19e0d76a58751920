import { afterEach, beforeEach } from 'vitest';
import type { Call, TimelineEntry } from '../call.ts';
import { RFC3261_TIMERS, type SipTimers } from '../client_transaction.ts';
import type { OutgoingCall } from '../outgoing_call.ts';
import { Phone } from '../phone.ts';
import { ANSWERS, type Script, ScriptedUas } from './scripted_uas.ts';

export interface TestLine {
  phone: Phone;
  /** The other end of the last `dial`. */
  uas: ScriptedUas;
  dial(script: Script, options?: Partial<Parameters<Phone['dial']>[0]>): Promise<OutgoingCall>;
  dialAnswered(script?: Script): Promise<OutgoingCall>;
}

/** A phone and something to call, fresh for each test of the suite that calls this. */
export function useTestLine(timers: Partial<SipTimers> = {}): TestLine {
  let phone: Phone | undefined;
  let uas: ScriptedUas | undefined;

  beforeEach(async () => {
    phone = await Phone.open({
      host: '127.0.0.1',
      port: 0,
      number: '+15550100001',
      timers: { ...RFC3261_TIMERS, ...timers },
    });
  });

  afterEach(async () => {
    await phone?.close();
    uas?.close();
    uas = undefined;
  });

  const line: TestLine = {
    get phone() {
      return phone!;
    },
    get uas() {
      return uas!;
    },
    async dial(script, options = {}) {
      uas = await ScriptedUas.open(script);
      return await line.phone.dial({ proxy: uas.proxy, to: '+15550100000', ...options });
    },
    async dialAnswered(script = ANSWERS) {
      const call = await line.dial(script);
      await call.answered();
      return call;
    },
  };
  return line;
}

export function whats(call: Call): Array<TimelineEntry['what']> {
  return call.timeline.map(({ what }) => what);
}
