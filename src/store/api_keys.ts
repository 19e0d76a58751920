import type { Kysely, Selectable, Transaction } from 'kysely';
import type { ApiKeyRecord, ApiScope } from './endpoint_store.ts';
import type { ApiKeyTable, Tables } from './schema.ts';

export async function createApiKey(trx: Transaction<Tables>, key: ApiKeyRecord): Promise<void> {
  await trx
    .insertInto('api_keys')
    .values({
      id: key.id,
      name: key.name,
      hash: key.hash,
      scopes: JSON.stringify(key.scopes),
      created_at: Math.round(key.createdAt),
      revoked_at: key.revokedAt,
    })
    .execute();
}

export async function findApiKey(db: Kysely<Tables>, hash: string): Promise<ApiKeyRecord | null> {
  const row = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? null : apiKeyFromRow(row);
}

export async function listApiKeys(db: Kysely<Tables>): Promise<ApiKeyRecord[]> {
  const rows = await db.selectFrom('api_keys').selectAll().orderBy('id', 'desc').execute();
  return rows.map(apiKeyFromRow);
}

export async function revokeApiKey(
  trx: Transaction<Tables>,
  id: string,
  now: number,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function isRevoked(db: Kysely<Tables>, id: string): Promise<boolean> {
  const row = await db
    .selectFrom('api_keys')
    .select('revoked_at')
    .where('id', '=', id)
    .executeTakeFirst();
  return row != null && row.revoked_at !== null;
}

function apiKeyFromRow(row: Selectable<ApiKeyTable>): ApiKeyRecord {
  return {
    id: row.id,
    name: row.name,
    hash: row.hash,
    scopes: JSON.parse(row.scopes) as ApiScope[],
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  };
}
