import { describe, expect, it, test } from 'vitest';
import { profileFrom } from '../config/profile.ts';
import { profileSchema } from '../config/profile_schema.ts';
import { forwardTarget } from './forward_target.ts';
import { checkHookSecrets, hookSecret } from './hook_secret.ts';
import { hookTarget } from './hook_trust.ts';

const profile = profileFrom(
  'desk',
  profileSchema.parse({
    name: 'Desk',
    prompt: 'x',
    transfers: { sales: { to: 'tel:+15550100200' }, pbx: { to: 'sip:office@pbx.example.com' } },
    hooks: {
      on_call_start: 'http://10.0.0.5:3000/start',
      on_tool_call: 'https://tools.example/do?key=1',
      secret_env: 'DESK_SECRET',
      may_forward: ['+1555', 'sip:night@pbx.example.com'],
      allowed_origins: ['https://other.example'],
    },
  }),
);
const rule = profile.hooks!;

describe('a URL of a hook', () => {
  it.each([
    ['http://10.0.0.5:3000/tool', true],
    ['https://tools.example/do?key=1', true],
    ['https://other.example/anything', true],
    ['https://tools.example/elsewhere', false],
    ['http://10.0.0.5:3001/tool', false],
    ['https://10.0.0.5:3000/tool', false],
    ['http://10.0.0.5.example:3000/tool', false],
    ['https://other.example.evil.example/', false],
    ['http://169.254.169.254/latest', false],
  ])('%s is trusted: %s', (url, trusted) => {
    const expected = trusted
      ? { reach: 'operator', secret: 's' }
      : { reach: 'guarded', secret: null };
    expect(hookTarget(rule, url, 's')).toMatchObject(expected);
  });
});

describe('a forward', () => {
  it.each([
    ['sales', 'tel:+15550100200'],
    ['tel:+15550100200', 'tel:+15550100200'],
    ['+1 555 010 0200', 'tel:+15550100200'],
    ['+15559990000', 'tel:+15559990000'],
    ['sip:office@pbx.example.com', 'sip:office@pbx.example.com'],
    ['sip:night@pbx.example.com;transport=tcp', 'sip:night@pbx.example.com;transport=tcp'],
    ['+442079460000', null],
    ['tel:+1555', null],
    ['sip:night@pbx.example.com.evil.example', null],
    ['sip:+15559990000@evil.example', null],
    ['sip:night@pbx.example.com;x="><sip:a@b>', null],
    ['__proto__', null],
    ['constructor', null],
    ['', null],
  ])('to %s goes to %s', (wanted, to) => {
    expect(forwardTarget(profile, wanted)).toBe(to);
  });
});

test('the secret is the profile’s variable’s, else the setting; without one nothing is sent', () => {
  const from = { webhookSecret: 'w', env: { DESK_SECRET: 'd' } };
  expect(hookSecret(profile, from)).toBe('d');
  const plain = { ...profile, hooks: { ...rule, secretEnv: undefined } };
  expect(hookSecret(plain, from)).toBe('w');
  const missing = expect.objectContaining({
    code: 'HOOK_SECRET_MISSING',
    message: 'The hooks of agent desk have no secret: DESK_SECRET is not set.',
  });
  expect(() => checkHookSecrets([profile], { webhookSecret: 'w', env: {} })).toThrow(missing);
  expect(() => hookSecret(plain, { webhookSecret: 'whsec_short' })).toThrow(
    expect.objectContaining({ code: 'SIGNATURE_SECRET_INVALID' }),
  );
  expect(() =>
    checkHookSecrets([{ ...profile, hooks: null }], { webhookSecret: undefined }),
  ).not.toThrow();
});
