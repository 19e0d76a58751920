import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
} from 'yaml';
import type { z } from 'zod';
import { conditionNames, conditionProblem } from './call_rules.ts';
import type { ConditionNames } from './condition/condition_parser.ts';
import './plain_messages.ts';
import { outlineOf, type ProfileOutline } from './profile_outline.ts';
import { type ProfileDocument, profileSchema } from './profile_schema.ts';
import { nearest } from './suggestion.ts';
import { checkTemplate } from './template.ts';
import { TEMPLATE_VARIABLES } from './template_variables.ts';

/** One thing that is wrong with a profile, where `line` counts from 1 and `path` is empty for the file. */
export interface ProfileProblem {
  line: number;
  path: string;
  message: string;
}

export interface ParsedProfile {
  /** `null` where there are problems. */
  document: ProfileDocument | null;
  /** `null` where there are no keys to be read. */
  outline: ProfileOutline | null;
  problems: ProfileProblem[];
  /** The line of a key, for problems that only show beside other files. */
  lineOf(path: KeyPath): number;
}

type KeyPath = readonly PropertyKey[];

/** Reads the text of a profile; everything wrong with it is in `problems`, in the order of its lines. */
export function parseProfile(text: string): ParsedProfile {
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (path: KeyPath) => lines.linePos(offsetOf(yaml, path)).line;
  const problems: ProfileProblem[] = [];
  const report = (path: KeyPath, message: string, line = lineOf(path)) => {
    problems.push({ line, path: keyPath(path), message });
  };

  for (const error of [...yaml.errors, ...yaml.warnings]) {
    report([], yamlMessage(error), lines.linePos(error.pos[0]).line);
  }
  // What a broken text seems to hold is not worth a second complaint.
  if (problems.length > 0) return { document: null, outline: null, problems, lineOf };

  const content = contentOf(yaml, report);
  if (content === null) return { document: null, outline: null, problems, lineOf };
  const document = checkDocument(content, report);
  const outline = outlineOf(content);
  checkTemplates(outline, { yaml, lines }, report);
  checkRules(outline, report);
  problems.sort((a, b) => a.line - b.line);
  return { document: problems.length > 0 ? null : document, outline, problems, lineOf };
}

type Report = (path: KeyPath, message: string, line?: number) => void;

function contentOf(yaml: Document, report: Report): Record<string, unknown> | null {
  let content: unknown;
  try {
    content = yaml.toJS({ maxAliasCount: 50 });
  } catch {
    report([], 'refers to itself too often: write the values out instead of using & and *');
    return null;
  }
  if (content === null || content === undefined) {
    report([], 'is empty: a profile needs at least a name and a prompt');
    return null;
  }
  if (!isMap(yaml.contents)) {
    report([], 'must consist of keys and values, such as "name: Front desk"');
    return null;
  }
  return content as Record<string, unknown>;
}

function checkDocument(content: Record<string, unknown>, report: Report): ProfileDocument | null {
  const result = profileSchema.safeParse(content, { reportInput: true });
  if (result.success) return result.data;
  for (const issue of result.error.issues) reportIssue(issue, report);
  return null;
}

function reportIssue(issue: z.core.$ZodIssue, report: Report): void {
  if (issue.code !== 'unrecognized_keys') {
    report(issue.path, issueMessage(issue));
    return;
  }
  const known = knownKeys(issue.path);
  for (const key of issue.keys) {
    const guess = nearest(key, known);
    const hint = guess ? `did you mean ${guess}?` : `the keys here are ${known.join(', ')}`;
    report([...issue.path, key], `is unknown: ${hint}`);
  }
}

/** The keys of a part of the schema: `[]`, `['context']`, `['followups', 0]`, `['transfers', 'sales']`, … */
function knownKeys(path: KeyPath): string[] {
  const shape = profileSchema.shape;
  if (path[0] === 'transfers') return Object.keys(shape.transfers.unwrap().valueType.shape);
  if (path[0] === 'context') return Object.keys(shape.context.unwrap().shape);
  if (path[0] === 'hooks') return Object.keys(shape.hooks.unwrap().shape);
  if (path[0] === 'recording') return Object.keys(shape.recording.unwrap().shape);
  if (path[0] === 'followups') return Object.keys(shape.followups.unwrap().element.shape);
  if (path[0] === 'rules') return Object.keys(shape.rules.unwrap().element.shape);
  if (path[0] === 'barge_in') return Object.keys(shape.barge_in.unwrap().shape);
  if (path[0] === 'turn_detection') return Object.keys(shape.turn_detection.unwrap().shape);
  if (path[0] === 'voicemail') return Object.keys(shape.voicemail.unwrap().shape);
  if (path[0] === 'silence') return Object.keys(shape.silence.unwrap().shape);
  return Object.keys(shape);
}

/** What only YAML does to a value, beside what is said of any. */
function issueMessage(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.input === null) return 'has no value: give it one or remove it';
  // `numbers: [+15550100000]` is a number to YAML.
  const isUnquoted = ['number', 'boolean'].includes(typeof issue.input);
  return `${issue.message}${issue.expected === 'string' && isUnquoted ? ': put it in quotes' : ''}`;
}

function checkTemplates({ templates }: ProfileOutline, source: Source, report: Report): void {
  const known = Object.keys(TEMPLATE_VARIABLES);
  for (const { path, text } of templates) {
    for (const problem of checkTemplate(text, known)) {
      report(path, problem.message, templateLine(source, path, problem.line));
    }
  }
}

function checkRules({ rules, extraction }: ProfileOutline, report: Report): void {
  const known = conditionNames(extraction ?? []);
  // Which fields there are is not known before they are in order.
  const names: ConditionNames = extraction === null ? { ...known, extraction: 'any' } : known;
  for (const { index, when } of rules) {
    const problem = when === null ? null : conditionProblem(when, names);
    if (problem !== null) report(['rules', index, 'when'], problem);
  }
}

interface Source {
  yaml: Document;
  lines: LineCounter;
}

/** Only a `|` block has the template's lines; elsewhere the key's own line has to do. */
function templateLine({ yaml, lines }: Source, path: KeyPath, line: number): number | undefined {
  const node = yaml.getIn(path, true);
  if (!isScalar(node) || node.type !== 'BLOCK_LITERAL' || !node.range) return undefined;
  return lines.linePos(node.range[0]).line + line;
}

/** Where a key stands in the text; of a key that is missing, where its nearest parent stands. */
function offsetOf(yaml: Document, path: KeyPath): number {
  let node: unknown = yaml.contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (!pair) break;
      offset = (isNode(pair.key) && pair.key.range?.[0]) || offset;
      node = pair.value;
    } else if (isCollection(node)) {
      node = node.items[Number(key)];
      offset = (isNode(node) && node.range?.[0]) || offset;
    } else break;
  }
  return offset;
}

/** `transfers.sales.to`, `numbers[1]`. */
function keyPath(path: KeyPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text ? `${text}.${String(key)}` : String(key);
  }, '');
}

function yamlMessage(error: { code: string; message: string }): string {
  if (error.code === 'DUPLICATE_KEY') return 'the same key twice: keep one of them';
  if (error.code === 'TAB_AS_INDENT') return 'a tab: indent with spaces';
  if (error.code === 'MULTIPLE_DOCS')
    return '--- begins a second profile: put it into its own file';
  return `no YAML: ${error.message}`;
}
