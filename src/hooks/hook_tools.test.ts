import { describe, expect, it } from 'vitest';
import { readHookTools } from './hook_tools.ts';
import { judgeSchema } from './tool_schema.ts';

const checkOf = (parameters: unknown) => {
  const judged = judgeSchema(parameters);
  if (!judged.ok) throw new Error(judged.reason);
  return judged.check;
};

describe('the tools of a backend', () => {
  it('come in the form of the Realtime API and of chat completions', () => {
    const parameters = { type: 'object', properties: { date: { type: 'string' } } };
    const { tools, refused } = readHookTools([
      { type: 'function', name: 'book', description: 'Books.', parameters },
      { type: 'function', function: { name: 'cancel', parameters, strict: true } },
      { name: 'ping' },
    ]);
    expect(refused).toEqual([]);
    expect(
      tools.map(({ name, description, parameters }) => ({ name, description, parameters })),
    ).toEqual([
      { name: 'book', description: 'Books.', parameters },
      { name: 'cancel', description: '', parameters },
      { name: 'ping', description: '', parameters: { type: 'object', properties: {} } },
    ]);
  });

  it('are refused one by one, by their names', () => {
    const { tools, refused } = readHookTools([
      { type: 'function', name: 'good' },
      { type: 'function', name: 'good' },
      { type: 'web_search', name: 'search' },
      { type: 'function', name: 'not a name' },
      { type: 'function', name: 'odd', parameters: { type: 'objekt' } },
      { type: 'function', name: 'worse', parameters: { properties: { a: { type: 'objekt' } } } },
      { type: 'function', name: 'listed', parameters: [] },
      'book',
      null,
    ]);
    expect(tools.map(({ name }) => name)).toEqual(['good']);
    expect(refused.map(({ name }) => name)).toEqual([
      'good',
      'search',
      'not?a?name',
      'odd',
      'worse',
      'listed',
      '#8',
      '#9',
    ]);
    for (const { reason } of refused) expect(reason).toMatch(/\w/);
    // It said "wrong: name" only.
    expect(refused[2]?.reason).toBe(
      'its name may have letters (a-z, A-Z), digits, _ and -, 64 at most',
    );
    expect(refused[7]?.reason).toBe('its definition must be a group of keys, not null');
  });

  it('are 128 at the most', () => {
    const many = Array.from({ length: 130 }, (_, i) => ({ name: `tool_${i}` }));
    const { tools, refused } = readHookTools(many);
    expect(tools).toHaveLength(128);
    expect(refused.map(({ name }) => name)).toEqual(['tool_128', 'tool_129']);
  });
});

describe('arguments', () => {
  it('are checked by a schema with everything in it', () => {
    const check = checkOf({
      type: 'object',
      $defs: {
        guest: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      },
      properties: {
        date: { type: 'string', format: 'date', pattern: '^\\d{4}-\\d{2}-\\d{2}$' },
        size: { enum: ['small', 'large'] },
        guests: { type: 'array', items: { $ref: '#/$defs/guest' }, maxItems: 3 },
        note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      },
      required: ['date'],
      additionalProperties: false,
    });
    expect(
      check({ date: '2026-04-15', size: 'small', guests: [{ name: 'Ada' }], note: null }),
    ).toBeNull();
    expect(check({})).toBe("the arguments must have required property 'date'");
    expect(check({ date: 'tomorrow' })).toContain('date must match pattern');
    expect(check({ date: '2026-04-15', size: 'huge' })).toBe(
      'size must be equal to one of the allowed values: ["small","large"]',
    );
    expect(check({ date: '2026-04-15', guests: [{}] })).toContain('guests.0 must have');
    expect(check({ date: '2026-04-15', more: 1 })).toContain('additional properties');
  });

  it('may be nested as deep as a schema that refers to itself', () => {
    const check = checkOf({
      type: 'object',
      properties: { name: { type: 'string' }, parts: { type: 'array', items: { $ref: '#' } } },
    });
    expect(check({ name: 'a', parts: [{ name: 'b', parts: [] }] })).toBeNull();
    expect(check({ parts: [{ parts: [{ name: 7 }] }] })).toContain('parts.0.parts.0.name');
    let deep: object = {};
    for (let i = 0; i < 50; i++) deep = { parts: [deep] };
    expect(check(deep as Record<string, unknown>)).toBe('the arguments are nested too deeply');
  });

  it('are any, where there are no rules', () => {
    expect(checkOf(undefined)({ anything: [1, { at: 'all' }] })).toBeNull();
    expect(checkOf({})({})).toBeNull();
    expect(checkOf({})({ text: 'x'.repeat(100_000) })).toBe('the arguments are too large');
  });
});

describe('a hostile schema', () => {
  it('cannot hang the call with a pattern', () => {
    const check = checkOf({
      properties: { a: { type: 'string', pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' } },
      patternProperties: { '^(x+x+)+y$': { type: 'string' } },
    });
    expect(check({ a: 'a'.repeat(4_000), ['x'.repeat(4_000)]: 1 })).toContain('a must match');
  });

  it('has its patterns dropped where they cannot be run in bounded time', () => {
    const check = checkOf({
      properties: {
        a: { type: 'string', pattern: '(?=.*a)(?!b)' },
        b: { type: 'string', pattern: '(x{1000}){1000}' },
        c: { type: 'string', pattern: 'a{1000}'.repeat(50) },
        d: { type: 'string', pattern: '(' },
      },
    });
    expect(check({ a: '', b: '', c: '', d: '' })).toBeNull();
  });

  const doubling = (levels: number) => ({
    properties: { x: { $ref: '#/$defs/a0' } },
    $defs: Object.fromEntries(
      Array.from({ length: levels }, (_, i) => [
        `a${i}`,
        i + 1 < levels
          ? { allOf: [{ $ref: `#/$defs/a${i + 1}` }, { $ref: `#/$defs/a${i + 1}` }] }
          : { type: 'string' },
      ]),
    ),
  });
  const nested = (levels: number) => {
    let schema: object = { type: 'string' };
    for (let i = 0; i < levels; i++) schema = { type: 'object', properties: { x: schema } };
    return schema;
  };
  const bottomless = JSON.parse(`${'{"not":'.repeat(9_000)}{}${'}'.repeat(9_000)}`);
  it.each([
    ['references that double', doubling(40), 'rules'],
    [
      'references that double below themselves',
      {
        properties: Object.fromEntries(
          Array.from({ length: 3 }, (_, i) => [`p${i}`, { $ref: '#' }]),
        ),
      },
      'rules',
    ],
    ['a reference to itself', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }, 'itself'],
    ['a reference in a circle', { allOf: [{ anyOf: [{ $ref: '#' }] }] }, 'itself'],
    [
      'a reference to elsewhere',
      { properties: { x: { $ref: 'https://example.invalid/s' } } },
      'out',
    ],
    ['a reference to nowhere', { properties: { x: { $ref: '#/$defs/none' } } }, 'nowhere'],
    ['$dynamicRef', { properties: { x: { $dynamicRef: '#x' } } }, '$dynamicRef'],
    ['too many levels', nested(60), 'deeply'],
    ['no bottom', bottomless, 'bytes'],
    ['too many bytes', { description: 'x'.repeat(70_000) }, 'bytes'],
    ['a rule that is none', { properties: { x: 7 } }, 'rule'],
    ['a text as properties', { properties: 'x' }, 'properties'],
    ['another type', { type: 'array' }, 'object'],
  ])('is refused: %s', (_, schema, reason) => {
    expect(judgeSchema(schema)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  it('changes nothing outside itself', () => {
    const json = JSON.parse(
      '{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}}}',
    );
    const check = checkOf(json);
    expect(check({})).toBeNull();
    expect(check(JSON.parse('{"constructor":1}'))).toContain('must be string');
    expect(({} as { type?: string }).type).toBeUndefined();
  });
});
