import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { CallTicket } from '../call/call_ticket.ts';
import type { CallRecord } from '../store/store.ts';
import { createAdoption } from './adoption.ts';

function setUp({ phone = true, ordered = true }: { phone?: boolean; ordered?: boolean } = {}) {
  const dispatched: CallTicket[] = [];
  const adopt = createAdoption({
    desk: { ordered: () => Promise.resolve(ordered) },
    ready: Promise.resolve(),
    phoneIn: () => Promise.resolve(phone),
    dispatch: (_, ticket) => Promise.resolve(void dispatched.push(ticket)),
    log: pino({ level: 'silent' }),
  });
  const call = (rest: Partial<CallRecord> = {}) =>
    ({
      id: 'call_1',
      room: 'call_1',
      direction: 'outbound',
      state: 'ringing',
      ...rest,
    }) as CallRecord;
  return { adopt, call, dispatched };
}
const open = () => new AbortController().signal;

it('gives a phone that rings on to a new process, under the new lease', async () => {
  const { adopt, call, dispatched } = setUp();
  expect(await adopt(call(), 3, open())).toBe('adopted');
  expect(dispatched).toEqual([{ call: 'call_1', lease: 3, task: 'adopt' }]);
});

it('finds nothing to go on with where there is no phone, and dispatches nobody', async () => {
  const { adopt, call, dispatched } = setUp({ phone: false });
  expect(await adopt(call({ state: 'dialing' }), 3, open())).toBe('absent');
  expect(dispatched).toEqual([]);
});

it('gives up where nobody takes it', async () => {
  const { adopt, call } = setUp({ ordered: false });
  expect(await adopt(call(), 3, open())).toBe('absent');
});

it.each([{ direction: 'inbound' }, { state: 'active' }, { state: 'queued' }] as const)(
  'leaves alone what was not dialled, or has been answered: %j',
  async (rest) => {
    const { adopt, call, dispatched } = setUp();
    expect(await adopt(call(rest), 3, open())).toBe('absent');
    expect(dispatched).toEqual([]);
  },
);

it('gives up when the worker closes', async () => {
  const { adopt, call, dispatched } = setUp();
  expect(await adopt(call(), 3, AbortSignal.abort())).toBe('absent');
  expect(dispatched).toEqual([]);
});
