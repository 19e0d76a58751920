import { setImmediate as nextTick, setTimeout as sleep } from 'node:timers/promises';
import type { Conversation } from './conversation.ts';
import type { Decision, Director } from './director.ts';
import { encodePcm, msOfSamples, samplesOfMs } from './pcm.ts';
import { type ServerEvent, serverId } from './protocol.ts';
import { clock, type LoggedResponse, type SessionLog } from './session_log.ts';
import { renderDeep, renderTemplate } from './template.ts';
import { heardTokens, spokenTokens, textTokens } from './tokens.ts';
import type { Voice } from './voice.ts';

/** Audio in one `response.output_audio.delta`. */
const DELTA_MS = 200;

export interface ResponseSurroundings {
  send: (event: ServerEvent) => void;
  conversation: Conversation;
  director: Director;
  log: SessionLog;
  voice: Voice;
  /** Audio is sent this many times faster than it plays; Infinity: as fast as it can be. */
  speed: number;
}

export interface ResponseRequest {
  decision: Decision;
  instructions: string | undefined;
  metadata: Record<string, unknown> | null;
  mayCallTools: boolean;
}

/** The item that is being spoken, kept so that a cancellation can close it properly. */
interface OpenItem {
  id: string;
  index: number;
  text: string;
}

/**
 * One response, from `response.created` to `response.done`:
 *
 *   IN_PROGRESS ──all steps done──▶ COMPLETED
 *   IN_PROGRESS ──cancel()──▶ CANCELLED   (the open item is closed as incomplete first)
 *   IN_PROGRESS ──fail()──▶ FAILED
 *   IN_PROGRESS ──abandon()──▶ nothing more is sent (the connection is gone)
 *
 * The end events of `cancel` and `fail` are sent before the call returns.
 */
export class ModelResponse {
  readonly id = serverId('resp');
  readonly #around: ResponseSurroundings;
  readonly #request: ResponseRequest;
  readonly #logged: LoggedResponse;
  readonly #ended = new AbortController();
  readonly #output: Record<string, unknown>[] = [];
  #open: OpenItem | undefined;

  constructor(around: ResponseSurroundings, request: ResponseRequest) {
    this.#around = around;
    this.#request = request;
    this.#logged = {
      id: this.id,
      cause: request.decision.cause,
      instructions: request.instructions,
      startedAt: clock(),
      endedAt: undefined,
      status: 'in_progress',
      text: '',
      audioMs: 0,
    };
    around.log.responses.push(this.#logged);
  }

  get active(): boolean {
    return this.#logged.status === 'in_progress' && !this.#ended.signal.aborted;
  }

  /** Sends `response.created` at once and the rest as its time comes; never rejects. */
  async run(): Promise<void> {
    const { reply, quotable } = this.#request.decision;
    this.#send('response.created', { response: this.#resource('in_progress') });
    try {
      await this.#wait(0);
      for (const step of reply.steps) {
        if (step.kind === 'pause') await this.#wait(step.ms);
        if (step.kind === 'say') await this.#say(renderTemplate(step.text, quotable).trim());
        if (step.kind === 'call' && this.#request.mayCallTools) {
          this.#call(step.tool, renderDeep(step.arguments, quotable) as Record<string, unknown>);
        }
        if (!this.active) return;
      }
      this.#end('completed', null);
    } catch (error) {
      if (!this.active) return;
      this.fail('server_error', (error as Error).message);
    }
  }

  cancel(reason: 'turn_detected' | 'client_cancelled'): void {
    if (!this.active) return;
    if (this.#open) this.#closeItem(this.#open, 'incomplete');
    this.#end('cancelled', { type: 'cancelled', reason });
  }

  fail(code: string, message: string): void {
    if (!this.active) return;
    if (this.#open) this.#closeItem(this.#open, 'incomplete');
    this.#end('failed', { type: 'failed', error: { type: code, code, message } });
  }

  abandon(): void {
    this.#ended.abort();
  }

  async #say(text: string): Promise<void> {
    if (!text) return;
    const signal = this.#ended.signal;
    const pcm = await this.#around.voice(text, signal);
    signal.throwIfAborted();
    const item = this.#openItem();
    const deltas = Math.max(1, Math.ceil(msOfSamples(pcm.length) / DELTA_MS));
    const words = text.match(/\s*\S+/g) ?? [];
    const startedAt = performance.now();
    for (let n = 0; n < deltas; n++) {
      const due = startedAt + (n * DELTA_MS) / this.#around.speed;
      if (n > 0) await this.#wait(due - performance.now());
      const spoken = words.slice(share(words, n, deltas), share(words, n + 1, deltas)).join('');
      if (spoken) this.#sendTranscript(item, spoken);
      this.#sendAudio(
        item,
        pcm.subarray(samplesOfMs(n * DELTA_MS), samplesOfMs((n + 1) * DELTA_MS)),
      );
    }
    this.#closeItem(item, 'completed');
  }

  #openItem(): OpenItem {
    const item = { id: serverId('item'), index: this.#output.length, text: '' };
    this.#open = item;
    this.#addItem(item.index, {
      id: item.id,
      type: 'message',
      role: 'assistant',
      content: [],
    });
    this.#send('response.content_part.added', {
      ...this.#place(item),
      part: { type: 'audio', transcript: '' },
    });
    return item;
  }

  #sendTranscript(item: OpenItem, delta: string): void {
    item.text += delta;
    this.#logged.text += item.text === delta && this.#logged.text ? ` ${delta}` : delta;
    this.#send('response.output_audio_transcript.delta', { ...this.#place(item), delta });
  }

  #sendAudio(item: OpenItem, pcm: Int16Array): void {
    const ms = msOfSamples(pcm.length);
    this.#logged.audioMs += ms;
    this.#around.conversation.audioAdded(item.id, ms);
    this.#send('response.output_audio.delta', { ...this.#place(item), delta: encodePcm(pcm) });
  }

  #closeItem(item: OpenItem, status: 'completed' | 'incomplete'): void {
    this.#open = undefined;
    const place = this.#place(item);
    const part = { type: 'audio', transcript: item.text };
    this.#send('response.output_audio.done', place);
    this.#send('response.output_audio_transcript.done', { ...place, transcript: item.text });
    this.#send('response.content_part.done', { ...place, part });
    this.#itemDone(item.index, {
      id: item.id,
      type: 'message',
      role: 'assistant',
      status,
      content: [{ type: 'output_audio', transcript: item.text }],
    });
  }

  #call(tool: string, args: Record<string, unknown>): void {
    const { director, log } = this.#around;
    const index = this.#output.length;
    const call = { id: serverId('item'), type: 'function_call' as const, name: tool };
    const callId = serverId('call');
    const text = JSON.stringify(args);
    director.toolCalled(callId, tool, this.#request.decision.reply.next);
    this.#addItem(index, { ...call, call_id: callId, arguments: '' });
    const place = { response_id: this.id, item_id: call.id, output_index: index, call_id: callId };
    this.#send('response.function_call_arguments.delta', { ...place, delta: text });
    this.#send('response.function_call_arguments.done', { ...place, name: tool, arguments: text });
    log.toolCalls.push({
      callId,
      tool,
      arguments: args,
      declared: log.config.tools.some(({ name }) => name === tool),
      sentAt: clock(),
    });
    this.#itemDone(index, { ...call, call_id: callId, status: 'completed', arguments: text });
  }

  #addItem(index: number, item: Parameters<Conversation['insert']>[0]): void {
    const inserted = this.#around.conversation.insert(item);
    if (!inserted.ok) throw new Error(inserted.error.message);
    const added = { ...inserted.item, status: 'in_progress' };
    this.#output.push(added);
    this.#send('response.output_item.added', {
      response_id: this.id,
      output_index: index,
      item: added,
    });
    this.#send('conversation.item.added', {
      previous_item_id: inserted.previousItemId,
      item: added,
    });
  }

  #itemDone(index: number, item: Record<string, unknown>): void {
    const done = { object: 'realtime.item', ...item };
    this.#output[index] = done;
    this.#send('response.output_item.done', {
      response_id: this.id,
      output_index: index,
      item: done,
    });
    this.#send('conversation.item.done', { item: done });
  }

  #end(status: 'completed' | 'cancelled' | 'failed', details: unknown): void {
    this.#logged.status = status;
    this.#logged.endedAt = clock();
    this.#ended.abort();
    this.#send('response.done', {
      response: { ...this.#resource(status), status_details: details, usage: this.#usage() },
    });
  }

  #place(item: OpenItem) {
    return { response_id: this.id, item_id: item.id, output_index: item.index, content_index: 0 };
  }

  #resource(status: string) {
    return {
      object: 'realtime.response',
      id: this.id,
      status,
      status_details: null,
      output: this.#output,
      metadata: this.#request.metadata,
      usage: null,
    };
  }

  #usage() {
    const { conversation, log } = this.#around;
    const told = JSON.stringify([log.config.instructions, log.config.tools, conversation.items]);
    const input = { text_tokens: textTokens(told), audio_tokens: heardTokens(log.audio.ms) };
    const output = {
      text_tokens: textTokens(this.#logged.text),
      audio_tokens: spokenTokens(this.#logged.audioMs),
    };
    const cached = { text_tokens: 0, audio_tokens: 0, image_tokens: 0 };
    const inputTokens = input.text_tokens + input.audio_tokens;
    const outputTokens = output.text_tokens + output.audio_tokens;
    return {
      total_tokens: inputTokens + outputTokens,
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      input_token_details: { ...input, cached_tokens: 0, cached_tokens_details: cached },
      output_token_details: output,
    };
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.#ended;
    // Even without a pause the loop must let the client's messages in, a cancellation for one.
    if (!(ms > 0)) return nextTick(undefined, { signal });
    return sleep(ms, undefined, { signal });
  }

  #send(type: string, fields: Record<string, unknown>): void {
    this.#around.send({ type, ...fields });
  }
}

/** How many of `words` have been spoken when `n` of `deltas` parts of the audio have. */
function share(words: readonly string[], n: number, deltas: number): number {
  return Math.ceil((n * words.length) / deltas);
}
