/** `perEvent`: one path, and so one target with its own health, for each first word of a type. */
export interface DefaultEndpoint {
  perEvent: boolean;
}

/** The endpoint of the environment: it has no row, and no status. */
export const DEFAULT_ENDPOINT_ID = 'whe_default';

/** Whether a job's target is an endpoint that the API made (and may have deleted since). */
export function isMadeEndpoint(target: string): boolean {
  return target.startsWith('whe_') && target.split(':', 1)[0] !== DEFAULT_ENDPOINT_ID;
}
