import { isCallwireError } from '../src/errors.ts';

/** Ends a command: what is wrong and what to do, without a stack trace for what is expected. */
export function exitWithError(error: unknown): never {
  if (isCallwireError(error)) {
    console.error(`${error.message}\n  ${error.code}`);
    if (error.remedy) console.error(`  ${error.remedy}`);
  } else {
    console.error(error);
  }
  process.exit(1);
}
