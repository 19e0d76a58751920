import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isCallwireError } from '../errors.ts';
import type { Crm, CrmActivity, CrmNote, CrmWriter } from './crm.ts';

/** One adapter with the CRM behind it, empty and well. */
export interface CrmUnderTest {
  crm: Crm;
  writer: CrmWriter;
  /** It makes its ids itself, and tells those of other CRMs: then the number says whose an entry is. */
  knowsForeignIds?: boolean;
  /** Puts a contact there, its fields as that CRM names them, and gives its id. */
  addContact(contact: { phone: string; name: string; [field: string]: string }): Promise<string>;
  /** What the CRM holds, oldest first; an unknown caller's contact is of the CRM's making. */
  written(): Promise<WrittenEntry[]>;
  /** From now on look-ups and writes get no answer. */
  hang(): void;
  /** From now on look-ups are answered with something that is no contact. */
  answerGarbage(): void;
  /** From now on nobody answers at all. */
  vanish(): Promise<void> | void;
  close(): Promise<void>;
}

export interface WrittenEntry {
  operation: 'note' | 'activity';
  contactId: string | null;
  phone: string | null;
  text: string | null;
}

const PHONE = '+15550100001';
const STRANGER = '+15550100099';

/** What every adapter promises, whatever CRM is behind it. */
export function describeCrm(name: string, create: () => Promise<CrmUnderTest>): void {
  describe(`the ${name} CRM adapter`, () => {
    let subject: CrmUnderTest;
    beforeEach(async () => {
      subject = await create();
    });
    afterEach(() => subject.close());

    const find = (phone: string, signal = AbortSignal.timeout(10_000)) =>
      subject.crm.findByPhone(phone, signal);
    const write = (entry: CrmNote | CrmActivity) =>
      subject.writer.write(entry, AbortSignal.timeout(10_000));

    describe('looking up', () => {
      it('finds the contact by its number', async () => {
        const id = await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
        expect(await find(PHONE)).toMatchObject({ id, name: 'Ada Quinn', phone: PHONE });
      });

      it('answers null for nobody', async () => {
        await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
        expect(await find(STRANGER)).toBeNull();
      });

      it('finds the right one of several', async () => {
        await subject.addContact({ phone: '+15550100003', name: 'Somebody Else' });
        const id = await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
        await subject.addContact({ phone: '+15550100004', name: 'Another One' });
        expect(await find(PHONE)).toMatchObject({ id });
      });

      it('keeps the fields it does not know, and says null for known ones that are missing', async () => {
        await subject.addContact({ phone: PHONE, name: 'Ada Quinn', favouriteTea: 'Assam' });
        expect(await find(PHONE)).toMatchObject({ favouriteTea: 'Assam', accountStatus: null });
      });

      it.each([
        ["'; drop table contacts; --"],
        ['<script>alert(1)</script>'],
        ['{{ contact.name }} {% raw %}'],
        ['line\nbreak\r\n\ttab'],
        ['Zoë 李雷 👩🏽‍🚀 \u202etxt'],
        ['half a pair \ud83d and a NUL \0'],
      ])('survives the name %j', async (hostile) => {
        const id = await subject.addContact({ phone: PHONE, name: hostile });
        const contact = await find(PHONE);
        expect(contact).toMatchObject({ id, phone: PHONE });
        expect(contact?.name?.isWellFormed()).toBe(true);
        expect(contact?.name).not.toContain('\0');
      });

      it.each([['__proto__'], ['constructor'], ['toString']])(
        'takes a field called %s for data',
        async (field) => {
          await subject.addContact(JSON.parse(`{"phone":"${PHONE}","name":"A","${field}":"x"}`));
          const contact = await find(PHONE);
          expect(Object.getPrototypeOf(contact)).toBe(Object.prototype);
          expect(JSON.parse(JSON.stringify(contact))).toMatchObject({ name: 'A' });
        },
      );

      it.each([["+1555' or '1'='1"], ['%'], ['*'], ['']])(
        'never takes %j for a pattern',
        async (phone) => {
          await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
          const outcome = await find(phone).catch((error: unknown) => error);
          if (outcome !== null) expect(isCallwireError(outcome)).toBe(true);
        },
      );

      it('rejects with CRM_TIMEOUT once the signal is aborted', async () => {
        subject.hang();
        await expect(find(PHONE, AbortSignal.timeout(50))).rejects.toMatchObject({
          code: 'CRM_TIMEOUT',
          retryable: true,
        });
      });

      it('rejects with CRM_TIMEOUT where the signal is aborted beforehand', async () => {
        await expect(find(PHONE, AbortSignal.abort())).rejects.toMatchObject({
          code: 'CRM_TIMEOUT',
        });
      });

      it('rejects with CRM_INVALID_ANSWER for garbage', async () => {
        subject.answerGarbage();
        await expect(find(PHONE)).rejects.toMatchObject({
          code: 'CRM_INVALID_ANSWER',
          retryable: false,
        });
      });

      it('rejects with CRM_UNAVAILABLE where nobody answers', async () => {
        await subject.vanish();
        await expect(find(PHONE)).rejects.toMatchObject({
          code: 'CRM_UNAVAILABLE',
          retryable: true,
        });
      });
    });

    describe('writing', () => {
      const note = (rest: Partial<CrmNote> = {}): CrmNote => ({
        id: 'note_made_up_1',
        operation: 'note',
        contactId: null,
        phone: PHONE,
        text: 'Wants a call on Monday.',
        ...rest,
      });
      const activity = (rest: Partial<CrmActivity> = {}): CrmActivity => ({
        id: 'job_made_up_2',
        operation: 'activity',
        contactId: null,
        phone: PHONE,
        activity: {
          type: 'call',
          phone: PHONE,
          duration_seconds: 42.5,
          intent: 'appointment',
          summary: null,
          transfer_to: null,
        },
        ...rest,
      });

      it('writes a note to a contact', async () => {
        const contactId = await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
        expect(await write(note({ contactId }))).toMatchObject({ ok: true, contactId });
        expect(await subject.written()).toEqual([
          expect.objectContaining({ operation: 'note', contactId, text: note().text }),
        ]);
      });

      it('writes an activity to a contact', async () => {
        const contactId = await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
        expect(await write(activity({ contactId }))).toMatchObject({ ok: true, contactId });
        expect(await subject.written()).toEqual([
          expect.objectContaining({ operation: 'activity', contactId, phone: PHONE }),
        ]);
      });

      it('keeps the note for an unknown caller, under the number', async () => {
        expect(await write(note({ phone: STRANGER }))).toMatchObject({ ok: true });
        expect(await subject.written()).toEqual([
          expect.objectContaining({ phone: STRANGER, text: note().text }),
        ]);
      });

      it('does a repeated write once, where it says so', async () => {
        const contactId = await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
        const first = await write(note({ contactId }));
        expect(await write(note({ contactId }))).toEqual(first);
        await write(note({ contactId, id: 'note_made_up_3' }));
        expect(await subject.written()).toHaveLength(subject.writer.deduplicates ? 2 : 3);
      });

      it('keeps two writes of one unknown caller together', async () => {
        await write(note({ phone: STRANGER }));
        await write(activity({ phone: STRANGER }));
        const [first, second] = await subject.written();
        expect(second?.contactId).toBe(first?.contactId);
      });

      it('writes hostile text as it is', async () => {
        const contactId = await subject.addContact({ phone: PHONE, name: 'Ada Quinn' });
        const text = `'; drop table contacts; -- </script> {{ x }} "\\ \r\n 👩🏽‍🚀`;
        await write(note({ contactId, text }));
        expect(await subject.written()).toEqual([expect.objectContaining({ text })]);
      });

      it.each([['../../admin'], ['..'], ['nobody'], ['a/b?c#d'], ["' or 1=1"], ['half \ud83d']])(
        'finally refuses the contact id %j, which is nobody, or goes by the number',
        async (contactId) => {
          const result = await write(note({ contactId }));
          if (subject.knowsForeignIds) {
            const made = { ok: true, contactId: expect.stringMatching(/^con_/) };
            expect(result).toEqual(made);
            expect(await write(note())).toEqual(result);
          } else {
            expect(result).toMatchObject({ ok: false, retryable: false });
            expect(await subject.written()).toEqual([]);
          }
        },
      );

      it('answers a value, to be tried again, where the CRM does not answer in time', async () => {
        subject.hang();
        const result = await subject.writer.write(note(), AbortSignal.timeout(50));
        expect(result).toMatchObject({ ok: false, retryable: true, code: 'timeout' });
      });

      it('answers a value, to be tried again, where nobody answers', async () => {
        await subject.vanish();
        expect(await write(note())).toMatchObject({ ok: false, retryable: true });
      });
    });
  });
}
