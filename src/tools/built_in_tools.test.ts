import { describe, expect, it } from 'vitest';
import { TOOL_NAMES } from '../config/profile_schema.ts';
import { builtInTools } from './built_in_tools.ts';
import { fakeCall } from './testing/fake_call.ts';

const named = (tools: { name: string }[]) => tools.map(({ name }) => name);

describe('the tools of a profile', () => {
  it('are those it names', () => {
    const { context } = fakeCall({ transfers: { sales: { to: 'tel:+15550100200' } } });
    expect(named(builtInTools(TOOL_NAMES, context))).toEqual([...TOOL_NAMES]);
    expect(named(builtInTools(['end_call'], context))).toEqual(['end_call']);
    expect(builtInTools([], context)).toEqual([]);
  });

  it('have no transfer where there is nobody to transfer to', () => {
    const { context } = fakeCall();
    expect(named(builtInTools(TOOL_NAMES, context))).not.toContain('transfer_call');
  });
});
