import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startStack } from '../stack/stack.ts';
import { BareSide } from './bare_side.ts';
import { GREETING, OurSide } from './our_side.ts';

/** Made up. */
const KEYS = { apiKey: 'bench', apiSecret: 'a-made-up-secret-of-enough-characters' };

/** As many as a 2-core machine never has; the load stays low, as it does for both sides. */
const SLOTS = 10;

/**
 * What the measurements run on, started when the first of them asks for it: one LiveKit and SIP
 * stack, our installation on it, and the bare agent beside it.
 */
export class Lab {
  readonly #log: (line: string) => void;
  readonly #cleanUps: (() => Promise<unknown>)[] = [];
  #ours: Promise<OurSide> | undefined;
  #bare: Promise<BareSide> | undefined;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  ours(): Promise<OurSide> {
    this.#ours ??= this.#startOurs();
    return this.#ours;
  }

  bare(): Promise<BareSide> {
    this.#bare ??= this.#startBare();
    return this.#bare;
  }

  /** A new folder that is gone after the run. */
  async folder(name: string): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), `callwire-bench-${name}-`));
    this.#cleanUps.push(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  /** Ends everything that was started, the last first. */
  async stop(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0).toReversed()) {
      await cleanUp().catch((error: unknown) => this.#log(`not cleaned up: ${error}`));
    }
  }

  async #startOurs(): Promise<OurSide> {
    const dataDir = await this.folder('stack');
    const stack = await startStack({
      ports: await freePorts(),
      dataDir,
      keys: KEYS,
      log: this.#log,
    });
    this.#cleanUps.push(() => stack.stop());
    const ours = await OurSide.start({
      stack: { url: stack.url, sip: stack.sip, ...KEYS },
      number: '+15550105001',
      slots: SLOTS,
    });
    this.#cleanUps.push(() => ours.stop());
    this.#log('our worker is warm');
    return ours;
  }

  async #startBare(): Promise<BareSide> {
    const ours = await this.ours();
    const bare = await BareSide.start({
      ours: ours.installation,
      number: '+15550105002',
      greeting: GREETING,
      slots: SLOTS,
    });
    this.#cleanUps.push(() => bare.stop());
    await bare.settled();
    this.#log('the bare worker is warm');
    return bare;
  }
}
