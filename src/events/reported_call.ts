import { z } from 'zod';
import type { FactDraft } from '../store/store.ts';
import { CostField, END_REASONS, type EndReason, OUTCOMES } from './vocabulary.ts';

/*
 * A call that another platform runs
 * =================================
 *
 * Its webhooks come in any order, some twice, some never. Each becomes one report in our words
 * (`src/ingest`), kept as a fact, and the call is what all of its reports say together: a function of
 * their set. So order and repetitions change nothing.
 *
 * Where reports differ, the one of the later stage counts, then the one that the platform dates later.
 */

/** How far a report says that the call has got, in the order in which a later one outweighs. */
export const REPORT_STAGES = [
  /** We stop waiting for the platform to say that it ended. */
  'closed',
  /** It says something of the call, but not how far it is. */
  'told',
  'initiated',
  'ringing',
  'answered',
  'recorded',
  'ended',
  'analysed',
] as const;
export type ReportStage = (typeof REPORT_STAGES)[number];

const time = z.number().int();

/** A week is longer than any phone call: what says more is a mistake, and counts as not said. */
export const LONGEST_MS = 7 * 24 * 3_600_000;

/** What one webhook says. What it does not say is not there. */
export const reportSchema = z.object({
  stage: z.enum(REPORT_STAGES),
  /** When it happened by the platform's clock, milliseconds; not there where it does not say. */
  at: time.optional(),
  direction: z.enum(['inbound', 'outbound']).optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  agentId: z.string().optional(),
  contactId: z.string().optional(),
  contactName: z.string().optional(),
  /** Whom our CRM has under the other party's number, where the platform names nobody. */
  found: z.object({ id: z.string(), name: z.string().nullable() }).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  createdAt: time.optional(),
  answeredAt: time.optional(),
  endedAt: time.optional(),
  durationMs: z.number().nonnegative().optional(),
  /** Whether somebody took the call, where the platform says it in so many words. */
  answered: z.boolean().optional(),
  endReason: z.enum(END_REASONS).optional(),
  sipStatus: z.number().int().optional(),
  /** Everything about the end has been said: nothing is waited for. */
  final: z.boolean().optional(),
  /** More will be said of what came of the call, within so many milliseconds. */
  moreWithinMs: z.number().optional(),
  said: z
    .array(
      z.object({
        /** `null` where the platform does not say who spoke. */
        role: z.enum(['agent', 'caller']).nullable(),
        text: z.string(),
        at: time.optional(),
      }),
    )
    .optional(),
  recordingUrl: z.string().optional(),
  recordingMs: z.number().nonnegative().optional(),
  cost: CostField.optional(),
  extraction: z.record(z.string(), z.unknown()).optional(),
  outcome: z.enum(OUTCOMES).optional(),
  /** How long the platform may be silent before the call is closed, milliseconds. */
  staleAfterMs: z.number().optional(),
});
export type Report = z.infer<typeof reportSchema>;

export interface ReportedCall {
  direction: 'inbound' | 'outbound' | null;
  from: string | null;
  to: string | null;
  agentId: string | null;
  contact: { id: string | null; name: string | null };
  metadata: Record<string, unknown>;
  createdAt: number;
  beginning: Beginning;
  /** `null`: nobody said that it rang. */
  ringingAt: number | null;
  /** `null`: not known yet. */
  answered: boolean | null;
  answeredAt: number | null;
  /** The platform says that it is over, or we have stopped waiting. */
  ended: boolean;
  /** Nothing that could change the end is waited for. */
  settled: boolean;
  endedAt: number | null;
  endReason: EndReason;
  sipStatus: number | null;
  /** When the last report came, by our clock. */
  heardAt: number;
  staleAfterMs: number | null;
  /** A line for each utterance. */
  transcript: string;
  said: NonNullable<Report['said']>;
  /** Whether the other party said anything. */
  otherSpoke: boolean;
  recording: { url: string; seconds: number } | null;
  cost: z.infer<typeof CostField>;
  extraction: Record<string, unknown> | null;
  outcome: (typeof OUTCOMES)[number] | null;
  moreWithinMs: number | null;
}

/**
 * Which events its beginning has. Each report that says how far the call is decides for itself, and of what
 * one has decided no other takes anything back: so these are the same in any order. A report that does not
 * say who called speaks of an outbound call, as the row does where none says it.
 */
export interface Beginning {
  /** We called. */
  goesOut: boolean;
  /** The other party called. */
  comesIn: boolean;
  /** The far phone rang, of a call that we placed. */
  ringsOut: boolean;
}

const known = new WeakMap<readonly FactDraft[], ReportedCall | null>();

/**
 * What all reports among these facts say together; `null` where there are none. Of the same list it is
 * asked several times in an append, and worked out once.
 */
export function reportedCall(facts: readonly FactDraft[]): ReportedCall | null {
  const before = known.get(facts);
  if (before !== undefined) return before;
  const told = together(facts);
  known.set(facts, told);
  return told;
}

function together(facts: readonly FactDraft[]): ReportedCall | null {
  const reports = sorted(facts);
  if (reports.length === 0) return null;
  // What happens in a call, and is no step of it, may have its words, but does not say that anybody took it.
  const steps = reports.filter(({ report }) => report.stage !== 'told');
  const latest = latestIn(reports);
  const latestStep = latestIn(steps);
  const staged = (...stages: ReportStage[]) =>
    reports.findLast(({ report }) => stages.includes(report.stage));
  const timeOf = (found: Dated | undefined) => (found ? (found.report.at ?? found.time) : null);

  const said = reports.findLast(({ report }) => report.said?.length)?.report.said ?? [];
  const ended = staged('ended', 'analysed');
  const closed = staged('closed');
  const endReason = latestStep('endReason') ?? 'unknown';
  const durationMs = latestStep('durationMs');
  const answered = isAnswered({
    told: latestStep('answered'),
    seen: staged('answered') !== undefined || latestStep('answeredAt') !== undefined,
    spoke: steps.some(({ report }) => report.said?.length),
    durationMs,
    endReason,
  });
  const toldAnsweredAt = latestStep('answeredAt') ?? timeOf(staged('answered'));
  const heard = reports.filter(({ report }) => report.stage !== 'closed');
  const lastHeard = Math.max(...heard.map((one) => timeOf(one) as number));
  const end =
    latestStep('endedAt') ??
    (toldAnsweredAt !== null && durationMs !== undefined && (ended || closed)
      ? toldAnsweredAt + durationMs
      : (timeOf(ended) ?? (closed ? lastHeard : null)));
  const createdAt = earliest(heard);
  const url = latest('recordingUrl');
  const talkedMs =
    durationMs ?? (end !== null && toldAnsweredAt !== null ? end - toldAnsweredAt : 0);
  return {
    direction: latest('direction') ?? null,
    from: latest('from') ?? null,
    to: latest('to') ?? null,
    agentId: latest('agentId') ?? null,
    contact: contactOf(latest('contactId'), latest('contactName'), latest('found')),
    metadata: Object.assign({}, ...reports.map(({ report }) => report.metadata)),
    createdAt,
    beginning: beginningOf(steps.map(({ report }) => report)),
    ringingAt: timeOf(staged('ringing')),
    answered,
    answeredAt: answered === true ? answerOf(toldAnsweredAt, end, durationMs, createdAt) : null,
    ended: (ended ?? closed) !== undefined,
    settled: closed !== undefined || (latest('final') === true && answered !== null),
    endedAt: end,
    endReason,
    sipStatus: latest('sipStatus') ?? null,
    heardAt: Math.max(...reports.map((one) => one.time)),
    staleAfterMs: latest('staleAfterMs') ?? null,
    transcript: said.map(line).join('\n'),
    said,
    otherSpoke: said.some(({ role, text }) => role !== 'agent' && /\S/.test(text)),
    recording:
      url === undefined
        ? null
        : { url, seconds: Math.max(0, Math.round((latest('recordingMs') ?? talkedMs) / 1_000)) },
    cost: latest('cost') ?? null,
    extraction: latest('extraction') ?? null,
    outcome: latest('outcome') ?? null,
    moreWithinMs: latest('moreWithinMs') ?? null,
  };
}

/** What the report of the latest stage says, of those that say it. */
function latestIn(reports: readonly Dated[]) {
  return <K extends keyof Report>(key: K) =>
    reports.findLast(({ report }) => report[key] !== undefined)?.report[key] as
      | NonNullable<Report[K]>
      | undefined;
}

function beginningOf(told: readonly Report[]): Beginning {
  const steps = told.filter(({ stage }) => stage !== 'closed');
  const outward = steps.filter(({ direction }) => direction !== 'inbound');
  return {
    goesOut: outward.length > 0,
    comesIn: outward.length < steps.length,
    ringsOut: outward.some(({ stage }) => stage === 'ringing'),
  };
}

function contactOf(
  id: string | undefined,
  name: string | undefined,
  found: Report['found'],
): ReportedCall['contact'] {
  if (id !== undefined) return { id, name: name ?? null };
  return { id: found?.id ?? null, name: found?.name ?? name ?? null };
}

interface Dated {
  id: string;
  /** When it came, by our clock. */
  time: number;
  report: Report;
}

/** What was redacted, or was written by a version of which we know nothing, is left out. */
function sorted(facts: readonly FactDraft[]): Dated[] {
  const reports = facts.flatMap(({ id, kind, time: came, data }) => {
    const report = kind === 'report' ? reportSchema.safeParse(data).data : undefined;
    return report ? [{ id, time: came, report }] : [];
  });
  const rank = ({ report }: Dated) => REPORT_STAGES.indexOf(report.stage);
  return reports.sort(
    (a, b) =>
      rank(a) - rank(b) ||
      (a.report.at ?? 0) - (b.report.at ?? 0) ||
      (a.id < b.id ? -1 : Number(a.id > b.id)),
  );
}

/** Reasons for which nobody talked, whatever ringing the platform counts as duration. */
const UNANSWERED: ReadonlySet<EndReason> = new Set([
  'no_answer',
  'busy',
  'invalid_number',
  'dial_failed',
  'no_capacity',
  'blocked',
]);

function isAnswered(known: {
  told: boolean | undefined;
  seen: boolean;
  spoke: boolean;
  durationMs: number | undefined;
  endReason: EndReason;
}): boolean | null {
  if (known.seen || known.spoke || known.told === true) return true;
  if (known.told === false || UNANSWERED.has(known.endReason)) return false;
  if (known.durationMs === undefined) return null;
  return known.durationMs > 0;
}

/**
 * The length of the call is what is billed and counted: with it the end says when the call began. Of two
 * times that are further apart than any call is long one is wrong, and the length is not known.
 */
function answerOf(
  told: number | null,
  end: number | null,
  durationMs: number | undefined,
  createdAt: number,
): number {
  if (end !== null && durationMs !== undefined) return Math.round(end - durationMs);
  const answeredAt = told ?? createdAt;
  return end !== null && end - answeredAt > LONGEST_MS ? end : answeredAt;
}

function earliest(reports: readonly Dated[]): number {
  const told = reports.flatMap(
    ({ report: { at, createdAt, answeredAt, endedAt, durationMs = 0 } }) =>
      [at, createdAt, answeredAt, endedAt === undefined ? undefined : endedAt - durationMs].filter(
        (one) => one !== undefined,
      ),
  );
  return Math.round(Math.min(...(told.length > 0 ? told : reports.map((one) => one.time))));
}

const SPEAKERS = { agent: 'Agent: ', caller: 'Caller: ' };

function line({ role, text }: NonNullable<Report['said']>[number]): string {
  const words = text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
  return role === null ? words : `${SPEAKERS[role]}${words}`;
}
