import { type Kysely, sql } from 'kysely';
import type { Tables } from './schema.ts';

/**
 * See `CallStore.spokenWithSince`. Whoever calls in is there; of a call out the machine that answered
 * is nobody, and who picked up without a word may have been one.
 */
export async function spokenWithSince(
  db: Kysely<Tables>,
  { phone, since }: { phone: string; since: number },
): Promise<boolean> {
  const { rows } = await sql<{ found: number }>`
    select exists (
      select 1 from calls
        where direction = 'inbound' and from_number = ${phone} and answered_at >= ${since}
    ) or exists (
      select 1 from calls
        where direction = 'outbound' and to_number = ${phone} and answered_at >= ${since}
          and (answered_by is null or answered_by = 'person')
    ) as found
  `.execute(db);
  return Boolean(rows[0]?.found);
}
