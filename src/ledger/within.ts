/**
 * What the work comes to, or `null` where it takes longer. With a bare timer: to abort a promise of one makes
 * an error with its stack, for each call that is accepted and each webhook.
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
