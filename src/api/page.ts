import { z } from 'zod';
import { invalidField } from './api_error.ts';
import { queryOf } from './query.ts';

const PAGE = {
  limit: z.coerce.number().int().min(1).max(100).default(50).describe('How many at most.'),
  cursor: z
    .string()
    .max(200)
    .optional()
    .describe('`nextCursor` of the page before, as it was given.'),
};

/** What every list is asked with, and a list's own filters. */
export function pageQuery<Filters extends z.ZodRawShape>(filters: Filters) {
  return queryOf({ ...PAGE, ...filters });
}

export const NextCursor = z
  .string()
  .nullable()
  .describe('Asks for the next page; `null` where this is the last one.');

/** A page of a list that is ordered by id: newest first, and stable while more are added. */
export async function readPage<T extends { id: string }>(
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  read: (query: { limit: number; before?: string }) => Promise<T[]>,
): Promise<{ items: T[]; nextCursor: string | null }> {
  const before = cursor === undefined ? {} : { before: decodeCursor(cursor) };
  // One more than asked for tells whether there is a next page.
  const items = await read({ limit: limit + 1, ...before });
  const hasMore = items.length > limit;
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return { items: page, nextCursor: hasMore && last ? encodeCursor(last.id) : null };
}

/** Opaque, so that it can come to hold something else. */
function encodeCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function decodeCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (/^[a-z]{2,8}_[0-9a-z]{1,64}$/.test(id)) return id;
  throw invalidField('cursor', 'is not one that a list has given');
}
