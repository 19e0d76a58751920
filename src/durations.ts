/** A day without a change of clocks, milliseconds. */
export const DAY_MS = 86_400_000;
