import type { ApiApp } from '../api_app.ts';
import { DOCS_POLICY, docsPage } from '../docs_page.ts';

/** What describes the API; it holds nothing of this installation, so no key is needed. */
export function documentationRoutes(app: ApiApp): void {
  const open = { config: { access: 'public' }, schema: { hide: true } } as const;
  let page: string | undefined;
  app.get('/openapi.json', open, () => app.swagger());
  app.get('/docs', open, (_request, reply) => {
    page ??= docsPage(app.swagger() as unknown as Parameters<typeof docsPage>[0]);
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', DOCS_POLICY)
      .send(page);
  });
}
