import { beforeEach, expect, it } from 'vitest';
import { ToolBurst } from './tool_burst.ts';

let asked: ('hold' | 'release')[];
let burst: ToolBurst;
beforeEach(() => {
  asked = [];
  burst = new ToolBurst(() => {
    asked.push('hold');
    return () => void asked.push('release');
  });
});

const calls = (id: string) =>
  burst.take({
    type: 'response.output_item.done',
    item: { type: 'function_call', call_id: id },
  });

const complete = () => burst.take({ type: 'response.done' });

it('holds the appends of tools that come together until the last of them has run', () => {
  calls('a');
  calls('b');
  burst.ran('a');
  complete();
  expect(asked).toEqual(['hold']);
  burst.ran('b');
  expect(asked).toEqual(['hold', 'release']);
});

it('holds them until the response is complete, although each has run at once', () => {
  calls('a');
  burst.ran('a');
  calls('b');
  burst.ran('b');
  expect(asked).toEqual(['hold']);
  complete();
  expect(asked).toEqual(['hold', 'release']);
});

it('lets one that comes alone go with the end of its response', () => {
  for (const id of ['a', 'b']) {
    calls(id);
    burst.ran(id);
    complete();
  }
  expect(asked).toEqual(['hold', 'release', 'hold', 'release']);
});

it('does not wait into the next response for a tool that never ran', () => {
  calls('a');
  complete();
  burst.take({ type: 'response.created' });
  calls('b');
  burst.ran('b');
  complete();
  expect(asked).toEqual(['hold', 'release', 'hold', 'release']);
});

it('is not begun by what the model says', () => {
  burst.take({ type: 'response.output_item.done', item: { type: 'message' } });
  burst.take({ type: 'response.output_item.done' });
  burst.ran('a');
  expect(asked).toEqual([]);
});
