import { expect, test } from 'vitest';
import { readRtp } from './rtp.ts';
import { RtpSender } from './rtp_sender.ts';

test('a late event loop sends at once all that is due, and nothing is sent early', async () => {
  const early: number[] = [];
  let sent = 0;
  let burst = 0;
  let longestBurst = 0;
  const sender = new RtpSender((bytes) => {
    const due = (sender.said.startedAt ?? 0) + 20 * sent;
    if (performance.now() < due) early.push(sent);
    expect(readRtp(bytes)?.payload).toHaveLength(160);
    sent += 1;
    burst += 1;
    longestBurst = Math.max(longestBurst, burst);
    queueMicrotask(() => {
      burst = 0;
    });
  });
  sender.start();
  try {
    const until = performance.now() + 120;
    while (performance.now() < until); // the loop is blocked for six packets
    const due = Math.floor((until - sender.said.startedAt!) / 20);
    await expect.poll(() => sent).toBeGreaterThan(due);
    expect(longestBurst).toBeGreaterThanOrEqual(5);
    expect(early).toEqual([]);
  } finally {
    sender.stop();
  }
  const stoppedAt = sent;
  expect(await sender.speak(new Int16Array(160))).toMatchObject({ complete: false });
  expect(sent).toBe(stoppedAt);
});
