import { z } from 'zod';

/**
 * What a route may be asked with. Another parameter is refused, unlike an unknown key of a body: where a
 * filter is ignored, everything comes, and looks as if it had been chosen.
 */
export function queryOf<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      // What stands there for a name may be anything, and messages are logged.
      const names = issue.keys.filter((name) => /^[a-z_]{1,40}$/i.test(name)).join(', ');
      return `has unknown parameters${names && `: ${names}`}; there are ${known}`;
    },
  });
}
