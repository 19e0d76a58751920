/** Milliseconds of the machine's steady clock: one for all processes, unlike `performance.now`. */
export function steadyNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
