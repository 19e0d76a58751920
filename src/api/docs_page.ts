/**
 * `/docs`: the OpenAPI document as one page of HTML, without scripts and without anything fetched
 * from elsewhere. swagger-ui would be 8 MB of package and needs inline scripts to be allowed.
 */
export function docsPage(document: Document): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods ?? {}).map(([method, operation]) => ({ path, method, ...operation })),
  );
  const tags = [...new Set(operations.map(({ tags: [tag = 'Other'] = [] }) => tag))];
  const sections = tags.map((tag) => {
    const ofTag = operations.filter(({ tags: [first = 'Other'] = [] }) => first === tag);
    return `<h2>${escaped(tag)}</h2>${ofTag.map((operation) => section(operation)).join('')}`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>${escaped(document.info.title)} API</title>
<style>${STYLE}</style></head><body><h1>${escaped(document.info.title)} API</h1>
${markdown(document.info.description ?? '')}
<p><a href="openapi.json">openapi.json</a></p>${sections.join('\n')}</body></html>`;
}

/** Nothing may be loaded or run; only the style in the page itself. */
export const DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

interface Document {
  info: { title: string; description?: string };
  paths?: Record<string, Record<string, Operation> | undefined>;
}

interface Operation {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string }[];
  requestBody?: { content?: Content };
  responses?: Record<string, { description?: string; content?: Content }>;
}

type Content = Record<string, { schema?: unknown }>;

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
details{border:1px solid #d0d7de;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code,pre{font:14px/1.4 ui-monospace,monospace;background:#f4f6f8;border-radius:4px}
code{padding:.1em .3em}pre{padding:.6rem;overflow:auto}b{display:inline-block;min-width:4rem}
table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}details{border-color:#30363d}code,pre{background:#161b22}a{color:#58a6ff}}`;

function section(operation: Operation & { path: string; method: string }): string {
  const {
    path,
    method,
    summary = '',
    description = '',
    parameters = [],
    responses = {},
  } = operation;
  const rows = parameters.map(
    (parameter) =>
      `<tr><td><code>${escaped(parameter.name)}</code></td><td>${escaped(parameter.in)}${
        parameter.required ? ', required' : ''
      }</td><td>${inline(parameter.description ?? '')}</td></tr>`,
  );
  const answers = Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .map(([status, { content }]) => schemaBlock(`Answer ${status}`, content));
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${escaped(summary)}</summary>
${markdown(description)}${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}
${schemaBlock('Body', operation.requestBody?.content)}${answers.join('')}</details>`;
}

function schemaBlock(title: string, content: Content | undefined): string {
  const [schema] = Object.values(content ?? {}).map((media) => media.schema);
  const text = schema === undefined ? null : JSON.stringify(schema, null, 2);
  if (text === null) return title === 'Body' ? '' : `<p>${escaped(title)}: no body</p>`;
  return `<p>${escaped(title)}</p><pre>${escaped(text)}</pre>`;
}

/** The little of Markdown that our descriptions use. */
function markdown(text: string): string {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) =>
      block.startsWith('- ')
        ? `<ul>${block
            .split('\n')
            .map((line) => `<li>${inline(line.slice(2))}</li>`)
            .join('')}</ul>`
        : `<p>${inline(block)}</p>`,
    )
    .join('');
}

function inline(text: string): string {
  return escaped(text)
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
