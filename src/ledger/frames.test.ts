import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from './frames.ts';

describe('FrameReader', () => {
  it('gives every message back, however the stream was cut', () => {
    const messages = fc.array(fc.jsonValue(), { maxLength: 8 });
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(messages, cuts, (sent, sizes) => {
        const stream = Buffer.from(sent.map(encodeFrame).join(''));
        const reader = new FrameReader(10_000);
        const got: unknown[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length]!;
          got.push(...reader.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(got).toEqual(JSON.parse(JSON.stringify(sent)));
      }),
    );
  });

  it('gives what came before the garbage, then fails', () => {
    const frames = new FrameReader(100).push(Buffer.from('{"a":1}\n\x00\xff nonsense\n'));
    expect(frames.next().value).toEqual({ a: 1 });
    expect(() => frames.next()).toThrow(expect.objectContaining({ code: 'LEDGER_FRAME_INVALID' }));
  });

  it('does not collect a line that never ends', () => {
    const reader = new FrameReader(100);
    expect([...reader.push(Buffer.alloc(100, 'x'))]).toEqual([]);
    expect(() => [...reader.push(Buffer.from('x'))]).toThrow(
      expect.objectContaining({ code: 'LEDGER_FRAME_TOO_LARGE' }),
    );
  });
});
