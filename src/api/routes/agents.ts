import { z } from 'zod';
import type { ApiApp } from '../api_app.ts';
import type { ApiOptions } from '../api_options.ts';
import { NextCursor } from '../page.ts';
import { ErrorAnswer } from '../wire.ts';

const Agent = z.object({
  id: z.string().describe('The name of its profile’s file.'),
  name: z.string(),
  numbers: z.array(z.string()).describe('The dialled numbers it answers; none for the default.'),
  model: z.string(),
  voice: z.string(),
  language: z.string(),
});

export function agentRoutes(app: ApiApp, { agents }: ApiOptions): void {
  const shown = () =>
    agents().map(({ id, name, numbers, model, voice, language }) => {
      return { id, name, numbers: [...numbers], model, voice, language };
    });
  app.get(
    '/agents',
    {
      config: { access: 'calls:read' },
      schema: {
        operationId: 'listAgents',
        summary: 'List the agents',
        description: 'The profiles in AGENTS_DIR that the next call is answered by.',
        tags: ['Agents'],
        response: {
          200: z.object({ agents: z.array(Agent), nextCursor: NextCursor }),
          default: ErrorAnswer,
        },
      },
    },
    () => ({ agents: shown(), nextCursor: null }),
  );
}
