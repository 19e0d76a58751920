import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { isCallwireError } from '../../src/errors.ts';
import { loadScenario, parseScenario } from './scenario.ts';
import { renderTemplate } from './template.ts';

function mistakesIn(yaml: string): string {
  try {
    parseScenario(yaml, 's.yaml');
  } catch (error) {
    if (isCallwireError(error) && error.code === 'SIM_SCENARIO_INVALID') return error.message;
    throw error;
  }
  return '';
}

describe('a scenario', () => {
  it('needs nothing: the model then says what it is told and hums along', () => {
    const scenario = parseScenario('');
    expect(scenario.opening.steps).toEqual([{ kind: 'say', text: '{{ instructed }}' }]);
    expect(scenario.otherwise.steps).toEqual([{ kind: 'say', text: 'I see.' }]);
  });

  it('reads turns with speech, tool calls and what follows their results', () => {
    const { turns } = parseScenario(`
turns:
  - hears: Sales, please
    do:
      - say: One moment.
      - call: { tool: record_intent, arguments: { intent: sales } }
      - pause_ms: 50
      - call: { tool: lookup_crm }
    then: { do: [{ call: { tool: end_call } }], then: Goodbye. }
`);
    expect(turns[0]).toEqual({
      hears: 'Sales, please',
      steps: [
        { kind: 'say', text: 'One moment.' },
        { kind: 'call', tool: 'record_intent', arguments: { intent: 'sales' } },
        { kind: 'pause', ms: 50 },
        { kind: 'call', tool: 'lookup_crm', arguments: {} },
      ],
      next: {
        steps: [{ kind: 'call', tool: 'end_call', arguments: {} }],
        next: { steps: [{ kind: 'say', text: 'Goodbye.' }], next: undefined },
      },
    });
  });

  it('names the line of every mistake', () => {
    expect(mistakesIn('opening: Hi\nturns:\n  - hears: a\n    sayy: b\n')).toMatch(
      /^s\.yaml:3: turns\.0: .*sayy/m,
    );
    expect(mistakesIn('turns:\n  - hears: a\n    do:\n      - { say: b, pause_ms: 3 }\n')).toBe(
      's.yaml:4: turns.0.do.0: a step is exactly one of say, call, pause_ms',
    );
    expect(mistakesIn('turns:\n  - say: a\n    then:\n      say: "{{ broken"\n')).toMatch(
      /^s\.yaml:4: turns\.0\.then\.say: /,
    );
    expect(mistakesIn('opening: "unclosed\n')).toMatch(/^s\.yaml:\d+: /);
  });

  it('of every file shipped is valid', async () => {
    const folder = new URL('./scenarios/', import.meta.url);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    expect(files).toContain('demo.yaml');
    for (const file of files) await loadScenario(new URL(file, folder).pathname);
  });

  it('of the demo quotes the CRM’s answer, whatever it is', async () => {
    const { turns } = await loadScenario(
      new URL('./scenarios/demo.yaml', import.meta.url).pathname,
    );
    const step = turns[0]?.next?.steps[0];
    const answerTo = (lookUp: unknown) =>
      step?.kind === 'say' &&
      renderTemplate(step.text, {
        result: { lookup_crm: lookUp },
        caller: '',
        text: '',
        instructed: '',
      });
    expect(answerTo({ status: 'found', contact: { name: 'Ada Quinn' } })).toBe(
      'I have your record here, Ada Quinn, and all is well. What else can I do?',
    );
    expect(answerTo({ status: 'not_found' })).toBe(
      'I cannot see your record just now. What else can I do?',
    );
  });

  it('that cannot be read is refused with a remedy', async () => {
    await expect(loadScenario('/nowhere/at/all.yaml')).rejects.toMatchObject({
      code: 'SIM_SCENARIO_UNREADABLE',
      remedy: expect.stringContaining('--scenario'),
    });
  });
});
