import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { CallFigures, FiguresQuery } from './analytics_store.ts';
import type { Tables } from './schema.ts';

export async function callFigures(db: Kysely<Tables>, query: FiguresQuery): Promise<CallFigures[]> {
  const { rows } = await figuresOf(query).execute(db);
  return rows;
}

/**
 * The index is named, for without statistics the planner takes whichever it likes. Both times of a
 * call may come from different machines, so they may stand in the wrong order.
 */
export function figuresOf({ from, to, direction }: FiguresQuery): RawBuilder<CallFigures> {
  const wanted = direction === undefined ? sql`` : sql`and direction = ${direction}`;
  return sql<CallFigures>`
    select agent_id as "agentId", provider, outcome,
        count(*) as calls,
        count(answered_at) as answered,
        sum(case when ended_at > answered_at then ended_at - answered_at else 0 end) as "talkedMs",
        coalesce(sum(cost_microusd), 0) as "costMicrousd",
        count(*) - count(cost_microusd) as uncosted
      from calls indexed by calls_completed
      where outcome is not null and created_at >= ${from} and created_at < ${to} ${wanted}
      group by agent_id, provider, outcome
  `;
}
