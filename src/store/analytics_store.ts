/** What calls add up to. */
export interface AnalyticsStore {
  /**
   * Of the completed calls that were begun in `[from, to)` (milliseconds), a row for each agent,
   * provider and outcome. What it costs is the number of these calls: ask for a day at a time.
   */
  callFigures(query: FiguresQuery): Promise<CallFigures[]>;
}

export interface FiguresQuery {
  from: number;
  to: number;
  /** (Default: both) */
  direction?: 'inbound' | 'outbound';
}

export interface CallFigures {
  agentId: string;
  provider: string;
  outcome: string;
  calls: number;
  answered: number;
  /** From the answers to the ends. */
  talkedMs: number;
  /** Of the calls whose cost is known. */
  costMicrousd: number;
  /** How many have none that is known. */
  uncosted: number;
}
