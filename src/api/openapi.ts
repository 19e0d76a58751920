import fastifySwagger from '@fastify/swagger';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod';
import { isKeyless } from './access.ts';
import type { ApiApp } from './api_app.ts';
import { API_ERRORS } from './api_error.ts';

const DESCRIPTION = `Calls, events, endpoints and contacts of one Callwire.

**Keys.** \`Authorization: Bearer <key>\` or \`X-API-Key: <key>\`. \`API_KEY\` in the environment is the first one; \`npm run keys create\` makes more. Each route names the scope it needs:

- \`calls:read\`: calls and their events, agents, contacts: whoever may read what was said may know who said it.
- \`calls:write\`: what calls are made of: contacts are added and changed with it.
- \`webhooks\`: endpoints, triggers, deliveries and their replay.
- \`ingest\`: takes in what other platforms report of their calls.
- \`admin\`: everything; what people said and who they are is deleted with it alone.

**Errors** are \`{"error": {"code", "message", "details"?}}\`, whatever went wrong. Codes:

${Object.entries(API_ERRORS)
  .map(([code, { status, when }]) => `- ${status} \`${code}\`: ${when}`)
  .join('\n')}

**Lists** are \`{<name>: [...], nextCursor}\`; ask again with \`cursor=nextCursor\` until it is null.

**Limits.** Each key has a number of reads and of writes a minute (RATE_LIMIT_READS, RATE_LIMIT_WRITES); \`X-RateLimit-Limit\`, \`-Remaining\` and \`-Reset\` (seconds) say what is left.

**Request ids.** An \`X-Request-Id\` of yours, or one of ours, comes back and stands in the log.

Unknown keys of a body are ignored; unknown parameters of what lists or adds up are refused (400). \`/api/v1/public/*\` is an alias of \`/v1/*\`. The events that endpoints receive are described in docs/events.md.`;

const zodToJsonConfig: Parameters<typeof createJsonSchemaTransform>[0]['zodToJsonConfig'] = {
  override: ({ jsonSchema }) => {
    // zod's pattern of a date is 200 characters long and says what the format says.
    if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    // Answers may gain fields, and clients are to know it.
    if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  },
};
const transform = createJsonSchemaTransform({ zodToJsonConfig });
const transformObject = createJsonSchemaTransformObject({ zodToJsonConfig });

/** Collects every route that is made behind it into `app.swagger()`, as OpenAPI 3.1. */
export async function installOpenapi(
  app: ApiApp,
  { publicUrl }: { publicUrl?: string | undefined },
) {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Callwire', version: '1', description: DESCRIPTION },
      servers: [{ url: publicUrl ?? '/' }],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
    },
    transform: (route) => {
      const { schema, url } = transform(route);
      if (schema.hide) return { schema, url };
      const access = route.route.config?.access;
      const isOpen = access !== undefined && isKeyless(access);
      const scope = isOpen || access === 'any_key' ? '' : `Scope: \`${access}\`.`;
      return {
        schema: {
          ...schema,
          description: [schema.description, scope].filter(Boolean).join('\n\n'),
          security: isOpen ? [] : [{ bearer: [] }, { apiKey: [] }],
        },
        url,
      };
    },
    transformObject: (document) => withUsedSchemas(withDescriptions(transformObject(document))),
  });
}

/**
 * Each named schema is made twice, as it is read and as it is written; most are used one way only. By
 * their names, for otherwise they stand in the order in which somebody has imported the routes.
 */
function withUsedSchemas(document: ReturnType<typeof transformObject>) {
  const { components } = document as { components?: { schemas?: Record<string, unknown> } };
  const text = JSON.stringify(document);
  if (components?.schemas) {
    const used = Object.entries(components.schemas)
      .filter(([name]) => text.includes(`"#/components/schemas/${name}"`))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    components.schemas = Object.fromEntries(used);
  }
  return document;
}

/** OpenAPI demands a sentence for each answer; @fastify/swagger's is "Default Response". */
function withDescriptions(document: ReturnType<typeof transformObject>) {
  const paths = (document.paths ?? {}) as Record<string, Record<string, { responses?: Answers }>>;
  for (const { responses = {} } of Object.values(paths).flatMap((path) => Object.values(path))) {
    for (const [status, answer] of Object.entries(responses)) {
      if (answer.description !== 'Default Response') continue;
      answer.description = status === 'default' ? 'What went wrong.' : DONE[status];
    }
  }
  return document;
}

type Answers = Record<string, { description?: string | undefined }>;

const DONE: Record<string, string> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Taken on.',
  204: 'Done; there is no body.',
  503: 'Not ready.',
};
