import { describe, expect, it } from 'vitest';
import { type Decision, Director } from './director.ts';
import { instructedText } from './instructed_text.ts';
import { parseScenario } from './scenario.ts';
import { renderTemplate } from './template.ts';

const director = (yaml: string) => new Director(parseScenario(yaml));

function spoken({ reply, quotable }: Decision): string {
  return reply.steps
    .map((step) => (step.kind === 'say' ? renderTemplate(step.text, quotable) : `<${step.kind}>`))
    .join(' ');
}

describe('what the model says next', () => {
  it('is what the caller’s turn asks for, in the scenario’s order', () => {
    const model = director('turns: [{ hears: a, say: one }, { hears: b, say: two }]');
    model.callerSpoke();
    expect(spoken(model.onSilence())).toBe('one');
    expect(model.callerSpoke()).toBe('b');
    expect(spoken(model.onSilence())).toBe('two');
    expect(model.callerSpoke()).toBe('Hm.');
    expect(spoken(model.onSilence())).toBe('I see.');
  });

  it('is the opening, after a dictated disclosure too, but not after a word of the caller', () => {
    const model = director('opening: Welcome.');
    expect(spoken(model.onRequest('Say exactly: "This is recorded."', ''))).toBe(
      'This is recorded.',
    );
    expect(spoken(model.onRequest(undefined, ''))).toBe('Welcome.');
    expect(spoken(model.onRequest(undefined, ''))).toBe('I see.');

    const late = director('opening: Welcome.');
    late.callerSpoke();
    late.onSilence();
    expect(late.onRequest('Greet.', '').cause).toBe('instructed');
  });

  it('follows a tool’s result even when the caller spoke in between', () => {
    const model = director(
      'turns: [{ hears: a, do: [{ call: { tool: t } }], then: "got {{ result.t }}" }, { hears: b, say: two }]',
    );
    model.callerSpoke();
    const first = model.onSilence();
    model.toolCalled('call_1', 't', first.reply.next);
    model.callerSpoke();
    model.resultCame('call_1', '"done"');
    expect(spoken(model.onSilence())).toBe('two');
    expect(spoken(model.onRequest(undefined, ''))).toBe('got done');
  });

  it('quotes a late result when it is told of one by instructions', () => {
    const model = director('on_instructed: "Now: {{ instructed }}"');
    model.callerSpoke();
    model.onSilence();
    const told = model.onRequest('You are Sarah.\nThe look-up has finished.', 'You are Sarah.');
    expect(spoken(told)).toBe('Now: The look-up has finished.');
  });
});

describe('the instructions of a response', () => {
  const say = (instructions: string) => instructedText(instructions, 'You are Sarah.');

  it('dictate in quotes, JSON’s or typographic, or to the end of the line', () => {
    expect(say('Say exactly: "A \\"b\\" c" Add nothing.')?.text).toBe('A "b" c');
    expect(say('say exactly: “Hello, you”. Then stop.')?.text).toBe('Hello, you');
    expect(say('Say exactly: Hello, you.\nBe kind.')?.text).toBe('Hello, you.');
    expect(say('Say exactly: "two\nlines"')?.text).toBe('two\nlines');
  });

  it('are paraphrased by their beginning where they dictate nothing', () => {
    expect(say('You are Sarah.\nGreet.')).toEqual({ text: 'Greet.', exact: false });
    expect(say(`Greet ${'very '.repeat(60)}much`)?.text).toMatch(/^Greet( very)+ …$/);
  });

  it('are none where only the session’s are repeated', () => {
    expect(say('You are Sarah.')).toBeUndefined();
    expect(instructedText(undefined, 'You are Sarah.')).toBeUndefined();
  });
});
