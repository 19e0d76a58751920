import packageJson from '../../../package.json' with { type: 'json' };
import type { ApiApp } from '../api_app.ts';
import { DOCS_POLICY, docsPage } from '../docs_page.ts';

const { name, version } = packageJson;

/** What describes the API; it holds nothing of this installation, so no key is needed. */
export function documentationRoutes(app: ApiApp): void {
  const open = { config: { access: 'public' }, schema: { hide: true } } as const;
  let page: string | undefined;
  app.get('/', open, () => ({ name, version, docs: '/docs', openapi: '/openapi.json' }));
  app.get('/openapi.json', open, () => app.swagger());
  app.get('/docs', open, (_request, reply) => {
    page ??= docsPage(app.swagger() as unknown as Parameters<typeof docsPage>[0]);
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', DOCS_POLICY)
      .send(page);
  });
  // Not the page itself, whose links are relative; and so is this one, for proxies that add a path.
  app.get('/docs/', open, (_request, reply) => reply.redirect('../docs', 308));
}
