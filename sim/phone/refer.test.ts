import { describe, expect, test } from 'vitest';
import { cseqOf } from './sip_message.ts';
import { ScriptedUas } from './testing/scripted_uas.ts';
import { useTestLine, whats } from './testing/test_line.ts';

describe('being transferred', () => {
  const line = useTestLine({ t1: 100, t2: 200 });

  const refer = () => line.uas.send('REFER', [['Refer-To', '<tel:+15550100200>']]);

  test('an accepted REFER is reported by NOTIFY to the end', async () => {
    const call = await line.dialAnswered();
    call.onRefer = () => ({
      answer: 202,
      notify: [
        { afterMs: 0, status: 100 },
        { afterMs: 50, status: 200 },
      ],
    });
    const sent = refer();
    expect((await line.uas.response('REFER')).status).toBe(202);
    const [trying, final] = [await line.uas.request('NOTIFY'), await line.uas.request('NOTIFY', 2)];
    expect(trying.body).toBe('SIP/2.0 100 Trying\r\n');
    expect(trying.headers.get('Subscription-State')).toContain('active');
    expect(final.body).toBe('SIP/2.0 200 OK\r\n');
    expect(final.headers.get('Subscription-State')).toContain('terminated');
    expect(final.headers.get('Content-Type')).toContain('message/sipfrag');
    expect(final.headers.get('Event')).toBe(`refer;id=${cseqOf(sent).number}`);
    expect(call.timeline.at(-1)).toMatchObject({
      what: 'refer',
      status: 202,
      target: 'tel:+15550100200',
    });
    expect(call.state).toBe('answered');
  });

  test('a refused REFER leaves the call as it is', async () => {
    const call = await line.dialAnswered();
    call.onRefer = () => ({ answer: 603 });
    refer();
    expect((await line.uas.response('REFER')).status).toBe(603);
    expect(call.state).toBe('answered');
    await call.hangUp();
    expect(line.uas.distinct('NOTIFY')).toHaveLength(0);
  });

  test('a target that is busy is reported as 486', async () => {
    const call = await line.dialAnswered();
    call.onRefer = () => ({ answer: 202, notify: [{ afterMs: 0, status: 486 }] });
    refer();
    expect((await line.uas.request('NOTIFY')).body).toBe('SIP/2.0 486 Busy Here\r\n');
  });

  test('the phone can hang up in the middle of it', async () => {
    const call = await line.dialAnswered();
    call.onRefer = () => ({
      answer: 202,
      notify: [{ afterMs: 60_000, status: 200 }],
      byeAfterMs: 20,
    });
    refer();
    expect(await call.ended()).toEqual({ by: 'us' });
    expect(line.uas.distinct('NOTIFY')).toHaveLength(0);
  });

  test('a repeated REFER gets its answer again and is not decided twice', async () => {
    const call = await line.dialAnswered();
    let decided = 0;
    call.onRefer = () => {
      decided += 1;
      return { answer: 603 };
    };
    const sent = refer();
    await line.uas.response('REFER');
    line.uas.repeat(sent);
    expect((await line.uas.response('REFER', 2)).status).toBe(603);
    expect(decided).toBe(1);
  });

  test('a REFER can be left without an answer', async () => {
    const call = await line.dialAnswered();
    call.onRefer = () => ({ answer: 'none' });
    refer();
    await expect.poll(() => whats(call)).toContain('refer');
    line.uas.send('OPTIONS');
    await line.uas.response('OPTIONS'); // came later and is answered: nothing is queued
    expect(line.uas.responses.some((response) => cseqOf(response).method === 'REFER')).toBe(false);
  });

  test('a lost NOTIFY is sent again', async () => {
    const call = await line.dialAnswered();
    line.uas.lose('NOTIFY', 1);
    call.onRefer = () => ({ answer: 202, notify: [{ afterMs: 0, status: 200 }] });
    refer();
    const [first, again] = [
      await line.uas.datagram('NOTIFY', 1),
      await line.uas.datagram('NOTIFY', 2),
    ];
    expect(again.headers.get('CSeq')).toBe(first.headers.get('CSeq'));
  });
});

describe('requests of the other side', () => {
  const line = useTestLine({ t1: 100, t2: 200 });

  test('a re-INVITE is answered with our SDP and the answer repeated until its ACK', async () => {
    await line.dialAnswered();
    const offer = line.uas.send('INVITE', [['Content-Type', 'application/sdp']], line.uas.sdp);
    const answer = await line.uas.response('INVITE');
    expect(answer.status).toBe(200);
    expect(answer.body).toBe((await line.uas.request('INVITE')).body);
    await line.uas.response('INVITE', 2);
    line.uas.acknowledge(offer);
    line.uas.repeat(offer); // late, and of no interest any more
    line.uas.send('OPTIONS');
    await line.uas.response('OPTIONS');
    const answers = line.uas.responses.length;
    line.uas.repeat(offer);
    line.uas.send('INFO');
    await line.uas.response('INFO');
    expect(line.uas.responses).toHaveLength(answers + 1);
  });

  test('a re-INVITE moves the audio', async () => {
    await line.dialAnswered();
    const moved = await ScriptedUas.open(() => {});
    try {
      line.uas.send('INVITE', [['Content-Type', 'application/sdp']], moved.sdp);
      await moved.rtpMatching('audio at the new place', (packets) => packets.length > 2);
    } finally {
      moved.close();
    }
  });

  test.each([
    ['OPTIONS', 200],
    ['INFO', 200],
    ['UPDATE', 200],
    ['MESSAGE', 405],
    ['NOTIFY', 405],
  ])('%s gets %i', async (method, status) => {
    await line.dialAnswered();
    line.uas.send(method);
    expect((await line.uas.response(method)).status).toBe(status);
  });

  test('an unknown call or tag gets 481', async () => {
    await line.dialAnswered();
    line.uas.send('BYE', [], '', { callId: 'nobody' });
    expect((await line.uas.response('BYE')).status).toBe(481);
    line.uas.send('INFO', [], '', { toTag: 'another' });
    expect((await line.uas.response('INFO')).status).toBe(481);
  });
});
