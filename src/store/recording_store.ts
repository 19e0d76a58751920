/** The recording of a call, once it is stored completely. */
export interface RecordingRecord {
  callId: string;
  /** `deleted`: its bytes are gone, that there was one is remembered. */
  state: 'stored' | 'deleted';
  /** Where the bytes are: a file in RECORDINGS_URL's folder, or `s3://bucket/key`. */
  location: string;
  contentType: string;
  bytes: number;
  durationMs: number;
  startedAt: number;
  /** When it is to be deleted; `null` = never. */
  deleteAfter: number | null;
  createdAt: number;
}

/** What is known of recordings; their bytes lie elsewhere (`src/recording`). */
export interface RecordingStore {
  /** `null` where the call was not recorded. */
  getRecording(callId: string): Promise<RecordingRecord | null>;
  /** Stored recordings whose time is over, the longest overdue first. */
  recordingsToDelete(query: { now: number; limit: number }): Promise<RecordingRecord[]>;
  /** To be called when the bytes are gone. Whether there was a stored one. */
  recordingDeleted(callId: string): Promise<boolean>;
}
