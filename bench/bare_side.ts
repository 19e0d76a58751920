import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Installation, SIM_MODEL_KEY } from '../sim/installation/installation.ts';
import { WorkerProcess } from '../sim/installation/worker_process.ts';
import type { Call } from '../sim/phone/call.ts';
import { provisionInbound } from '../src/telephony/inbound_trunk.ts';
import { type Side, workerSettled } from './side.ts';

/** The bare agent beside our installation: same stack, same phone, same stand-in for the model. */
export class BareSide implements Side {
  readonly name = 'bare';
  readonly worker: WorkerProcess;
  readonly #ours: Installation;
  readonly #number: string;

  private constructor(ours: Installation, number: string, worker: WorkerProcess) {
    this.#ours = ours;
    this.#number = number;
    this.worker = worker;
  }

  static async start(options: {
    ours: Installation;
    number: string;
    greeting: string;
    slots: number;
  }): Promise<BareSide> {
    const { ours, number, greeting, slots } = options;
    const agentName = 'callwire-bench-bare';
    await provisionInbound(ours.livekit.sip, {
      numbers: [number],
      allowedAddresses: [],
      username: undefined,
      password: undefined,
      open: true,
      agentName,
      name: agentName,
    });
    const worker = new WorkerProcess({
      mode: 'start',
      main: fileURLToPath(new URL('./bare_worker.ts', import.meta.url)),
      cwd: ours.dataDir,
      env: {
        LIVEKIT_URL: ours.stack.url,
        LIVEKIT_API_KEY: ours.stack.apiKey,
        LIVEKIT_API_SECRET: ours.stack.apiSecret,
        LIVEKIT_AGENT_NAME: agentName,
        OPENAI_BASE_URL: ours.model?.url ?? '',
        OPENAI_API_KEY: SIM_MODEL_KEY,
        MAX_CALLS: String(slots),
        NODE_COMPILE_CACHE: join(ours.dataDir, 'compiled-bare'),
        BENCH_GREETING: greeting,
        BENCH_FOLDER: ours.dataDir,
      },
    });
    const side = new BareSide(ours, number, worker);
    try {
      await worker.registered();
    } catch (error) {
      await worker.stop();
      throw error;
    }
    return side;
  }

  dial(from?: string): Promise<Call> {
    return this.#ours.dial({ to: this.#number, ...(from !== undefined && { from }) });
  }

  settled(): Promise<void> {
    return workerSettled(this.worker);
  }

  stop(): Promise<void> {
    return this.worker.stop();
  }
}
