import { describe, expect, it } from 'vitest';
import { CallwireError } from '../../src/errors.ts';
import { type Check, examine, type Observation } from './finding.ts';

const ok: Observation = { status: 'ok', message: 'fine' };

const check = (name: string, look: Check['look'], more: Partial<Check> = {}): Check => ({
  name,
  look,
  ...more,
});
const fine = (name: string, more: Partial<Check> = {}) =>
  check(name, () => Promise.resolve(ok), more);
const failing = (name: string, error: unknown) => check(name, () => Promise.reject(error));

describe('an examination', () => {
  it('gives the findings in the order of the checks, whichever ends first', async () => {
    const later = Promise.withResolvers<Observation>();
    const done: string[] = [];
    const examined = examine(
      [
        check('slow', () => later.promise),
        check('two', () => Promise.resolve([ok, { status: 'warning', message: 'hm' }])),
        check('last', () => Promise.resolve(ok).finally(() => later.resolve(ok))),
      ],
      (name) => done.push(name),
    );
    expect((await examined).map((finding) => finding.check)).toEqual([
      'slow',
      'two',
      'two',
      'last',
    ]);
    expect(done.toSorted()).toEqual(['last', 'slow', 'two']);
  });

  it('does not look at what cannot work, nor at what needs that', async () => {
    const findings = await examine([
      failing('livekit', new CallwireError('X', 'no')),
      fine('trunk', { needs: 'livekit' }),
      fine('call', { needs: 'trunk' }),
      fine('crm'),
    ]);
    expect(findings.map(({ status }) => status)).toEqual(['problem', 'skipped', 'skipped', 'ok']);
    expect(findings[1]?.message).toContain('first livekit has to work');
  });

  it('waits no longer than a check’s limit, and stops it', async () => {
    let stopped: AbortSignal | undefined;
    const never = (signal: AbortSignal) => {
      stopped = signal;
      return new Promise<Observation>(() => {});
    };
    const [finding] = await examine([check('hangs', never, { limitMs: 20 })]);
    expect(finding).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('0.02 s'),
    });
    expect(stopped?.aborted).toBe(true);
  });

  it('gives the remedy of an error of ours, and of another one no text that may be secret', async () => {
    const secret = Object.assign(new Error('made-up-password'), { code: 'EFAULT' });
    const [ours, theirs] = await examine([
      failing('a', new CallwireError('X', 'what is wrong', { remedy: 'what to do' })),
      failing('b', secret),
    ]);
    expect(ours).toEqual({
      check: 'a',
      status: 'problem',
      message: 'what is wrong',
      remedy: 'what to do',
    });
    expect(theirs).toMatchObject({ status: 'problem', message: expect.stringContaining('EFAULT') });
    expect(JSON.stringify(theirs)).not.toContain('made-up-password');
  });
});
