import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files of the running system that take longest, in no relation to their size, which is all that
 * vitest goes by on a fresh checkout: started last, one of them is waited for alone.
 */
const SLOW: readonly string[] = [
  'watchdog.test.ts',
  'call_ends.test.ts',
  'call_model_failures.test.ts',
  'outbound_call.test.ts',
  'call_transfer.test.ts',
  'demo.test.ts',
  'fault_backend.test.ts',
  'fault_stack.test.ts',
  'fault_full_disk.test.ts',
  'fault_shutdown.test.ts',
  'fault_crash.test.ts',
  'fault_delivery_crash.test.ts',
];

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = SLOW.indexOf(basename(moduleId));
      return place === -1 ? SLOW.length : place;
    };
    // Sorting is stable: the rest stays as vitest wants it.
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
