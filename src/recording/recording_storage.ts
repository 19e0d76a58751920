/** Where finished recordings lie; the two kinds share the tests of `storage_conformance.ts`. */
export interface RecordingStorage {
  /** Whether it is the one for this location. */
  has(location: string): boolean;
  /** Where a file of this name is, or would be. */
  locationOf(name: string): string;
  /**
   * Moves a whole file here and resolves when it is durable; the file itself is gone then. The same
   * again, after a crash in between, changes nothing. Rejects with what the disk or the network says.
   */
  keep(name: string, path: string, signal: AbortSignal): Promise<void>;
  /** In bytes; `null` where there is nothing. */
  sizeOf(location: string, signal: AbortSignal): Promise<number | null>;
  /** What is gone already is a success. */
  remove(location: string, signal: AbortSignal): Promise<void>;
  /** A URL that works until then, milliseconds, for whoever has it. */
  link(recording: { callId: string; location: string }, expiresAt: number): Promise<string>;
}
