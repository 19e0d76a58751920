import { availableParallelism } from 'node:os';
import type { GoProgram } from './go_program.ts';
import type { PreparationOptions } from './system_packages.ts';

const PROGRESS_INTERVAL_MS = 1_000;

/** Says that a build begins and, every second, how far it is. */
export function reportProgress(
  { name, version, typicalBuildMs }: GoProgram,
  { log, progress }: PreparationOptions,
): { stop(): void } {
  const started = performance.now();
  const expectedMs = expectedBuildMs(typicalBuildMs, availableParallelism());
  log(
    `building ${name} ${version}, once on this machine: usually about ${minutes(expectedMs)} min`,
  );
  if (!progress) return { stop() {} };
  const timer = setInterval(
    () => progress(progressText(performance.now() - started, expectedMs)),
    PROGRESS_INTERVAL_MS,
  );
  return { stop: () => clearInterval(timer) };
}

/**
 * What a build of so long on two cores takes here. Compiling spreads over cores; linking and the
 * largest packages do not, so more than eight are no help.
 */
export function expectedBuildMs(typicalOnTwoCoresMs: number, cores: number): number {
  return (typicalOnTwoCoresMs * 2) / Math.min(Math.max(cores, 1), 8);
}

/** `1:10, about 2:20 left` */
export function progressText(elapsedMs: number, expectedMs: number): string {
  const left = expectedMs - elapsedMs;
  const rest = left > 0 ? `about ${minutes(left)} left` : 'longer than usual, still building';
  return `${minutes(elapsedMs)}, ${rest}`;
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
