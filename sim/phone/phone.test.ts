import { describe, expect, test } from 'vitest';
import { parseChallenge } from './digest.ts';
import { cseqOf, type SipRequest } from './sip_message.ts';
import { ANSWERS, RINGS, type Script } from './testing/scripted_uas.ts';
import { useTestLine, whats } from './testing/test_line.ts';

describe('a call that is answered', () => {
  const line = useTestLine();

  test('rings, is acknowledged, and ends with our BYE', async () => {
    const call = await line.dialAnswered();
    expect(call.state).toBe('answered');
    await line.uas.request('ACK');
    expect(await call.hangUp()).toEqual({ by: 'us' });
    expect(whats(call)).toEqual(['invite', 'trying', 'ringing', 'answered', 'bye_sent']);
    expect(call.timeline.map(({ at }) => at)).toEqual(
      call.timeline.map(({ at }) => at).toSorted((a, b) => a - b),
    );
  });

  test('dial returns before any answer', async () => {
    const call = await line.dial(RINGS);
    expect(call.state).toBe('calling');
    const invite = await line.uas.request('INVITE');
    expect(invite.uri).toBe(`sip:+15550100000@127.0.0.1:${line.uas.port}`);
    expect(invite.headers.get('From')).toContain('<sip:+15550100001@');
    expect(invite.headers.get('Call-ID')).toBe(call.id);
  });

  test('ends with their BYE, and a repeated BYE is answered again', async () => {
    const call = await line.dialAnswered();
    const bye = line.uas.send('BYE', [['Reason', 'Q.850;cause=16']]);
    expect((await line.uas.response('BYE')).status).toBe(200);
    expect(await call.ended()).toMatchObject({ by: 'them', reason: 'Q.850;cause=16' });
    expect(whats(call)).toContain('bye_received');
    line.uas.repeat(bye);
    expect((await line.uas.response('BYE', 2)).status).toBe(200);
  });

  test('in-dialog requests follow Contact and Record-Route', async () => {
    const call = await line.dialAnswered((request, it) => {
      if (request.method === 'INVITE') {
        // A Contact that only the route can reach, as behind a proxy.
        it.respond(
          request,
          200,
          [
            ['Contact', '<sip:agent@127.0.0.1:9;transport=udp>'],
            ['Record-Route', `<sip:192.0.2.7;lr>, <sip:127.0.0.1:${it.port};lr>`],
          ],
          it.sdp,
        );
      } else if (request.method === 'BYE') it.respond(request, 200);
    });
    await call.hangUp();
    const bye = await line.uas.request('BYE');
    expect(bye.uri).toBe('sip:agent@127.0.0.1:9;transport=udp');
    expect(bye.headers.all('Route')).toEqual([
      `<sip:127.0.0.1:${line.uas.port};lr>`,
      '<sip:192.0.2.7;lr>',
    ]);
    expect(bye.headers.get('To')).toContain('tag=uas-tag');
    expect(cseqOf(bye).number).toBe(2);
  });

  test('both sides hanging up at once is one ending', async () => {
    const call = await line.dialAnswered((request, it) => {
      if (request.method === 'INVITE') it.accept(request);
      if (request.method === 'BYE') {
        it.send('BYE');
        it.respond(request, 200);
      }
    });
    expect(await call.hangUp()).toEqual({ by: 'us' });
    expect((await line.uas.response('BYE')).status).toBeGreaterThanOrEqual(200);
  });

  test('aborting the signal of dial hangs up', async () => {
    const abort = new AbortController();
    const call = await line.dial(ANSWERS, { signal: abort.signal });
    await call.answered();
    abort.abort();
    expect(await call.ended()).toEqual({ by: 'us' });
    await line.uas.request('BYE');
  });

  test('a phone that vanishes says nothing more', async () => {
    const call = await line.dialAnswered();
    await line.uas.request('ACK');
    call.vanish();
    expect(await call.ended()).toEqual({ by: 'us', reason: 'vanished' });
    line.uas.send('BYE');
    line.uas.send('OPTIONS', [], '', { callId: 'a question to the phone itself' });
    await line.uas.response('OPTIONS');
    expect(line.uas.responses).toHaveLength(1); // none to the BYE that came before
    expect(line.uas.distinct('BYE')).toHaveLength(0);
  });

  test('an answer without PCMU is hung up', async () => {
    const call = await line.dial((request, it) => {
      if (request.method === 'INVITE') {
        it.respond(request, 200, [it.contact], it.sdp.replace('RTP/AVP 0 101', 'RTP/AVP 8 101'));
      } else if (request.method === 'BYE') it.respond(request, 200);
    });
    expect(await call.ended()).toEqual({ by: 'us', reason: 'no PCMU in their SDP' });
  });
});

describe('a call that is refused', () => {
  const line = useTestLine();

  test('answered() rejects with the SIP status and the refusal is acknowledged', async () => {
    const call = await line.dial((request, it) => {
      if (request.method === 'INVITE') it.respond(request, 486);
    });
    await expect(call.answered()).rejects.toMatchObject({
      code: 'PHONE_CALL_REFUSED',
      status: 486,
    });
    expect(await call.ended()).toMatchObject({ by: 'rejected', status: 486, reason: 'Busy Here' });
    const invite = await line.uas.request('INVITE');
    const ack = await line.uas.request('ACK');
    expect(ack.headers.get('Via')).toBe(invite.headers.get('Via'));
    expect(whats(call)).toEqual(['invite', 'rejected']);
  });
});

describe('cancel', () => {
  const line = useTestLine();

  test('stops the ringing and ends with the 487', async () => {
    const call = await line.dial(RINGS);
    await call.ringing();
    expect(await call.cancel()).toMatchObject({ by: 'cancelled', status: 487 });
    const [invite, cancel] = [await line.uas.request('INVITE'), await line.uas.request('CANCEL')];
    expect(cancel.headers.get('Via')).toBe(invite.headers.get('Via'));
    expect(cancel.uri).toBe(invite.uri);
    expect(cseqOf(cancel)).toEqual({ number: cseqOf(invite).number, method: 'CANCEL' });
    await line.uas.request('ACK');
    expect(whats(call)).toEqual(['invite', 'trying', 'ringing', 'cancelled']);
  });

  test('waits for a provisional answer before CANCEL is sent', async () => {
    let invite: SipRequest | undefined;
    const call = await line.dial((request, it) => {
      if (request.method === 'INVITE') invite ??= request;
      else RINGS(request, it);
    });
    const over = call.cancel();
    await line.uas.datagram('INVITE', 2); // repeated: nothing was answered, and CANCEL is not allowed yet
    expect(line.uas.distinct('CANCEL')).toHaveLength(0);
    line.uas.respond(invite!, 180);
    expect(await over).toMatchObject({ by: 'cancelled', status: 487 });
  });

  test('a 200 that crosses the CANCEL is acknowledged and hung up', async () => {
    const call = await line.dial((request, it) => {
      if (request.method === 'INVITE') it.respond(request, 180);
      if (request.method === 'CANCEL') {
        it.respond(request, 200);
        it.accept(it.requests[0]!);
      }
      if (request.method === 'BYE') it.respond(request, 200);
    });
    await call.ringing();
    expect(await call.cancel()).toEqual({ by: 'cancelled' });
    await line.uas.request('ACK');
    await line.uas.request('BYE');
  });

  test('an answered call cannot be cancelled', async () => {
    const call = await line.dialAnswered();
    await expect(call.cancel()).rejects.toMatchObject({ code: 'PHONE_ALREADY_ANSWERED' });
  });
});

describe('a network that loses packets', () => {
  // Ten times faster than RFC 3261 says, so that waiting for a repetition takes no seconds.
  const line = useTestLine({ t1: 50, t2: 200, t4: 250 });

  test('the INVITE is repeated until it is heard', async () => {
    let heard = 0;
    const call = await line.dial((request, it) => {
      if (request.method !== 'INVITE' || ++heard > 2) ANSWERS(request, it);
    });
    await call.answered();
    await line.uas.datagram('INVITE', 3);
    expect(line.uas.distinct('INVITE')).toHaveLength(1);
  });

  test('silence for 64·T1 is a 408', async () => {
    const call = await line.dial(() => {});
    expect(await call.ended()).toMatchObject({ by: 'rejected', status: 408 });
    await line.uas.datagram('INVITE', 5);
    expect(line.uas.distinct('INVITE')).toHaveLength(1);
  });

  test('a repeated 200 says that the ACK was lost: it is sent again', async () => {
    const call = await line.dialAnswered();
    await line.uas.request('ACK');
    line.uas.accept(await line.uas.request('INVITE'));
    await line.uas.request('ACK', 2);
    expect(whats(call).filter((what) => what === 'answered')).toHaveLength(1);
  });

  test('a repeated refusal is acknowledged again', async () => {
    const call = await line.dial((request, it) => {
      if (request.method === 'INVITE') it.respond(request, 603);
    });
    await call.ended();
    line.uas.respond(await line.uas.request('INVITE'), 603);
    await line.uas.datagram('ACK', 2);
  });

  test('BYE is repeated until it is answered', async () => {
    const call = await line.dialAnswered();
    line.uas.lose('BYE', 2);
    await call.hangUp();
    await line.uas.datagram('BYE', 3);
    expect(line.uas.distinct('BYE')).toHaveLength(1);
  });
});

describe('a login', () => {
  const line = useTestLine();

  const challenge = 'Digest realm="carrier", nonce="abc", qop="auth", algorithm=MD5';
  const script: Script = (request, it) => {
    if (request.method === 'BYE') it.respond(request, 200);
    if (request.method !== 'INVITE') return;
    const given = request.headers.get('Proxy-Authorization');
    if (!given) it.respond(request, 407, [['Proxy-Authenticate', challenge]]);
    else if (given.includes('username="anna"')) it.accept(request);
    else it.respond(request, 407, [['Proxy-Authenticate', challenge]]);
  };

  test('a 407 is answered with credentials, in the same call', async () => {
    const call = await line.dial(script, { auth: { username: 'anna', password: 'made-up' } });
    await call.answered();
    const [first, second] = [await line.uas.request('INVITE'), await line.uas.request('INVITE', 2)];
    expect(second.headers.get('Call-ID')).toBe(first.headers.get('Call-ID'));
    expect(cseqOf(second).number).toBe(2);
    const given = parseChallenge(second.headers.get('Proxy-Authorization')!);
    expect(given).toMatchObject({ realm: 'carrier', nonce: 'abc', qop: 'auth', uri: second.uri });
    expect(second.body).toBe(first.body);
    await line.uas.request('ACK', 2); // of the 407 and of the 200
  });

  test('wrong credentials are tried once', async () => {
    const call = await line.dial(script, { auth: { username: 'eve', password: 'made-up' } });
    expect(await call.ended()).toMatchObject({ by: 'rejected', status: 407 });
    expect(line.uas.distinct('INVITE')).toHaveLength(2);
  });

  test('without credentials the 407 is the answer', async () => {
    const call = await line.dial(script);
    expect(await call.ended()).toMatchObject({ by: 'rejected', status: 407 });
  });
});

describe('who calls', () => {
  const line = useTestLine();

  test('a withheld number is nowhere in the INVITE', async () => {
    await line.dial(ANSWERS, { anonymous: true });
    const invite = await line.uas.request('INVITE');
    expect(invite.headers.get('From')).toMatch(
      /^"Anonymous" <sip:anonymous@anonymous\.invalid>;tag=/,
    );
    expect([...invite.headers].flat().join(' ')).not.toContain('15550100001');
  });

  test('another number and more headers can be given', async () => {
    await line.dial(ANSWERS, { from: '+15550100077', headers: { 'X-Customer': '42' } });
    const invite = await line.uas.request('INVITE');
    expect(invite.headers.get('From')).toContain('sip:+15550100077@');
    expect(invite.headers.get('X-Customer')).toBe('42');
  });

  test('a header cannot smuggle in another one', async () => {
    await expect(line.dial(ANSWERS, { headers: { 'X-A': '1\r\nX-B: 2' } })).rejects.toMatchObject({
      code: 'PHONE_BAD_SIP_HEADER',
    });
  });
});
