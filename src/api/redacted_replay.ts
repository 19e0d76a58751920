import { isCallwireError } from '../errors.ts';
import { ApiError } from './api_error.ts';

/** A replay whose bodies have been deleted: 410 instead of whatever the store says. */
export async function refusingRedacted<T>(replay: Promise<T>): Promise<T> {
  try {
    return await replay;
  } catch (error) {
    if (isCallwireError(error) && error.code === 'EVENT_REDACTED') {
      throw new ApiError('redacted', 'The content of this call has been deleted.');
    }
    throw error;
  }
}
