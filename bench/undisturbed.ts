import { readFile } from 'node:fs/promises';

/** Of all CPU time; a quiet host takes a tenth of it. */
const DISTURBING_SHARE = 0.01;

/** CPU time of this machine since it was started, in ticks. */
interface CpuTimes {
  all: number;
  /** In which something of ours could have run, and the host ran another machine. */
  stolen: number;
}

/**
 * Measures again what the host disturbed. A virtual machine whose host gives 5% of its CPU time to others is
 * stopped for 10 ms here and there: p99 then says what the neighbours do. What is looked at is not what was
 * measured but what the kernel says was stolen meanwhile, so a slow sample is no reason to measure again.
 * Nothing is stolen on a machine of one's own.
 */
export class Undisturbed {
  readonly #mostRepeats: number;
  readonly #log: (line: string) => void;
  readonly #times: () => Promise<CpuTimes>;
  #repeats = 0;
  #disturbed = 0;

  /** @param mostRepeats Behind which what is disturbed counts, or a bad host would be measured for ever. */
  constructor(
    mostRepeats: number,
    log: (line: string) => void,
    times: () => Promise<CpuTimes> = cpuTimes,
  ) {
    this.#mostRepeats = mostRepeats;
    this.#log = log;
    this.#times = times;
  }

  async measure<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      const before = await this.#times();
      const result = await work();
      const after = await this.#times();
      const share = (after.stolen - before.stolen) / Math.max(1, after.all - before.all);
      if (share <= DISTURBING_SHARE) return result;
      const told = `the host took ${(share * 100).toFixed(1)}% of the CPU`;
      if (this.#repeats === this.#mostRepeats) {
        this.#log(`${told}: it counts all the same, there were ${this.#repeats} repeats`);
        this.#disturbed += 1;
        return result;
      }
      this.#repeats += 1;
      this.#log(`${told}: measured again`);
    }
  }

  /** How often something was measured again, and how much of what counts was disturbed. */
  get details(): { repeats_count: number; disturbed_count: number } {
    return { repeats_count: this.#repeats, disturbed_count: this.#disturbed };
  }
}

/** Of Linux: https://man7.org/linux/man-pages/man5/proc_stat.5.html */
async function cpuTimes(): Promise<CpuTimes> {
  const stat = await readFile('/proc/stat', 'utf8').catch(() => '');
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, stolen = 0] =
    stat.slice(0, stat.indexOf('\n')).trim().split(/\s+/).slice(1).map(Number);
  return { all: user + nice + system + idle + iowait + irq + softirq + stolen, stolen };
}
