import type { Report } from '../events/reported_call.ts';
import { derivedId, newId } from '../ids.ts';
import type { Append, FactDraft } from '../store/store.ts';
import type { IngestSecrets } from './authenticate.ts';
import { keptCallId } from './call_id.ts';
import { credentialsIn, kept, withoutCredentials } from './free_form.ts';
import type { Reading } from './platform.ts';

/** `call.ended` repeats it, and must fit into 64 KB. */
const MAX_METADATA_BYTES = 8 * 1024;
const MAX_EXTRACTION_BYTES = 16 * 1024;
const MAX_UNKNOWN_BYTES = 16 * 1024;

/**
 * The append of one report. The ids of its facts follow from what they say, so a report that comes
 * twice is kept once. Credentials are gone by here: what has a name of ours is read field by field, and
 * from what is free in its form they are taken out.
 */
export function reportAppend(
  {
    provider,
    reading,
    body,
    found,
  }: {
    provider: string;
    reading: Extract<Reading, { kind: 'report' }>;
    body: unknown;
    /** Whom our CRM has under the other party's number. */
    found: Report['found'];
  },
  { now, staleAfterMs, secrets }: { now: number; staleAfterMs: number; secrets: IngestSecrets },
): Append {
  const own = Object.values(secrets).filter((secret) => secret !== undefined);
  const credentials = [...credentialsIn(body), ...own];
  const callId = newId('call', now);
  const report = clean(reading.report, credentials);
  const reportedBy = { provider, callId: keptCallId(reading.callId, credentials) };
  const factId = (said: unknown) =>
    derivedId('fct', report.at ?? 0, JSON.stringify([provider, reportedBy.callId, said]));
  const facts: FactDraft[] = [
    { id: factId(report), kind: 'report', time: now, data: { ...report, found, staleAfterMs } },
  ];
  if (reading.unknown !== undefined) {
    const payload = kept(reading.unknown, { maxBytes: MAX_UNKNOWN_BYTES, credentials });
    const event = withoutCredentials(reading.event, credentials);
    const data = { message: 'an event of the platform that we do not know', event, payload };
    facts.push({ id: factId(data), kind: 'note', time: now, data });
  }
  return {
    callId,
    open: {
      id: callId,
      direction: 'inbound',
      from: null,
      to: '',
      agentId: '',
      room: '',
      metadata: {},
      time: now,
      reportedBy,
    },
    facts,
  };
}

function clean(report: Report, credentials: readonly string[]): Report {
  const text = (value: string | undefined) => value && withoutCredentials(value, credentials);
  const { metadata, extraction, said } = report;
  return {
    ...report,
    from: text(report.from),
    to: text(report.to),
    agentId: text(report.agentId),
    contactId: text(report.contactId),
    contactName: text(report.contactName),
    recordingUrl: text(report.recordingUrl),
    metadata: kept(metadata, { maxBytes: MAX_METADATA_BYTES, credentials }),
    extraction: kept(extraction, { maxBytes: MAX_EXTRACTION_BYTES, credentials }),
    said: said?.map((one) => ({ ...one, text: withoutCredentials(one.text, credentials) })),
  };
}
