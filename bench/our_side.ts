import { Installation, type StackAccess } from '../sim/installation/installation.ts';
import type { WorkerProcess } from '../sim/installation/worker_process.ts';
import type { Call } from '../sim/phone/call.ts';
import type { RealtimeServer } from '../sim/realtime/server.ts';
import { type Side, workerSettled } from './side.ts';

const CALLER = '+15550105099';
const CALLER_NAME = 'Ada Lovelace';

/** What both sides say first; ours puts the name in from the CRM. */
export const GREETING = `Hi ${CALLER_NAME}, this is Northwind.`;

const PROFILE = `name: Front desk
prompt: |
  You are the front desk of Northwind. The caller is {{customerName}}.
first_message: "Hi {{customerName | default: 'there'}}, this is Northwind."
tools: [record_intent, lookup_crm, update_crm_note]
context: { budget_ms: 2500, on_missing: answer }
silence: { prompt_after_s: 0, hang_up_after_s: 0 }
`;

/** Callwire as its user runs it, with a CRM that knows the caller. */
export class OurSide implements Side {
  readonly name = 'ours';
  readonly installation: Installation;

  private constructor(installation: Installation) {
    this.installation = installation;
  }

  static async start(options: {
    stack: StackAccess;
    number: string;
    slots: number;
  }): Promise<OurSide> {
    const { stack, number, slots } = options;
    const installation = await Installation.prepare({
      stack,
      number,
      profiles: { 'front-desk.yaml': PROFILE },
      contacts: [{ id: 'c1', name: CALLER_NAME, phone: CALLER }],
      env: {
        MAX_CALLS: String(slots),
        // Of calls out only what takes its time is measured, not what waits its turn.
        CALLING_HOURS: 'off',
        DAILY_CALLS: '10000',
        OUTBOUND_CALLS_PER_SECOND: '20',
      },
    });
    try {
      await installation.provision();
      await installation.startWorker();
    } catch (error) {
      await installation.stop();
      throw error;
    }
    return new OurSide(installation);
  }

  get model(): RealtimeServer {
    const { model } = this.installation;
    if (!model) throw new Error('the bench needs the stand-in for the model');
    return model;
  }

  get worker(): WorkerProcess {
    return this.installation.worker;
  }

  dial(from = CALLER): Promise<Call> {
    return this.installation.dial({ from });
  }

  settled(): Promise<void> {
    return workerSettled(this.installation.worker);
  }

  stop(): Promise<void> {
    return this.installation.stop();
  }
}
