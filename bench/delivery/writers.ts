import { BenchProcess } from '../bench_process.ts';
import type { Order, Report } from '../ledger_load.ts';
import type { Arrivals } from './receiver.ts';
import type { Receiver } from './record_under_load.ts';

const FILE = new URL('../ledger_writer.ts', import.meta.url);
const DEADLINE_MS = 60_000;

/** Call processes, each with a call of its own, that append events of 2 KB at a fixed rate. */
export class Writers {
  readonly count: number;
  readonly #processes: readonly BenchProcess<Order, Report>[];

  private constructor(processes: readonly BenchProcess<Order, Report>[]) {
    this.count = processes.length;
    this.#processes = processes;
  }

  /** One after the other: 50 starting processes would be all that is measured. */
  static async start(dataDir: string, count: number): Promise<Writers> {
    const processes: BenchProcess<Order, Report>[] = [];
    try {
      while (processes.length < count) processes.push(await BenchProcess.start(FILE, [dataDir]));
    } catch (error) {
      await Promise.all(processes.map((one) => one.end()));
      throw error;
    }
    return new Writers(processes);
  }

  /** Resolves when all that they append has arrived at each of so many endpoints, or 60 s later. */
  async write(options: {
    receiver: Receiver;
    everyMs: number;
    durationMs: number;
    /** (Default: 1) */
    endpoints?: number;
  }): Promise<{ reports: Report[]; arrivals: Arrivals; count: number }> {
    const { receiver, everyMs, durationMs, endpoints = 1 } = options;
    const count = (this.count * durationMs * endpoints) / everyMs;
    const order: Order = { everyMs, durationMs, event: 'intent', watchesLoop: false };
    const [reports, arrivals] = await Promise.all([
      Promise.all(this.#processes.map((one) => one.ask(order))),
      receiver.ask({ count, deadlineMs: durationMs + DEADLINE_MS }),
    ]);
    return { reports, arrivals, count };
  }

  async end(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.end()));
  }
}
