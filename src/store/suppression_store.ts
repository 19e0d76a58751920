/** A number that is never dialled. */
export interface SuppressionRecord {
  /** `sup_…` */
  id: string;
  /** E.164. */
  phone: string;
  /** `outcome`: a call found that its owner does not want to be called, or is somebody else. */
  source: 'api' | 'import' | 'outcome';
  reason: string | null;
  /** The call that it came of. */
  callId: string | null;
  createdAt: number;
}

/**
 * The suppression list. Whether a number is on it is asked inside the transactions that accept a
 * call and that let it be dialled (`outbound_calls.ts`), so no path and no race gets around it.
 */
export interface SuppressionStore {
  /** A number that is on the list stays as it is. Returns what is on the list, and whether it is new. */
  addSuppression(
    suppression: SuppressionRecord,
  ): Promise<{ suppression: SuppressionRecord; created: boolean }>;
  /** All in one transaction. */
  importSuppressions(
    suppressions: readonly SuppressionRecord[],
  ): Promise<{ created: number; known: number }>;
  /** By its id or its phone. */
  getSuppression(idOrPhone: string): Promise<SuppressionRecord | null>;
  /** Newest first; `before` is the id of the last one of the page before. */
  listSuppressions(query: { limit: number; before?: string }): Promise<SuppressionRecord[]>;
  /** By its id or its phone. Whether there was one. */
  deleteSuppression(idOrPhone: string): Promise<boolean>;
}
