import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import { Conversation } from './conversation.ts';
import { type Decision, Director } from './director.ts';
import { EnergyVad, type VadEvent } from './energy_vad.ts';
import type { Fault } from './faults.ts';
import { ModelResponse } from './model_response.ts';
import { decodePcm, msOfSamples } from './pcm.ts';
import {
  type ClientEvent,
  type ConversationItem,
  clientEvent,
  type ProtocolError,
  type ServerEvent,
  serverId,
} from './protocol.ts';
import type { Scenario } from './scenario.ts';
import { defaultConfig, patched, vadSettings } from './session_config.ts';
import { clock, SessionLog } from './session_log.ts';
import { heardTokens, textTokens } from './tokens.ts';
import type { Voice } from './voice.ts';

/** OpenAI refuses to commit less audio than this. */
const MIN_COMMIT_MS = 100;

export interface SessionOptions {
  socket: WebSocket;
  model: string;
  scenario: Scenario;
  voice: Voice;
  speed: number;
  /** The fault in force, asked each time it could matter. */
  fault: () => Fault | undefined;
  /** Told the type of every event, in either direction, after it was handled. */
  onEvent?: (type: string) => void;
}

type Of<T extends ClientEvent['type']> = Extract<ClientEvent, { type: T }>;

/**
 * One connection: answers the client's events as OpenAI does, hears the caller, speaks the
 * scenario. At most one response is active.
 */
export class ModelSession {
  readonly log: SessionLog;
  readonly #options: SessionOptions;
  readonly #conversation = new Conversation();
  readonly #director: Director;
  readonly #vad: EnergyVad;
  #response: ModelResponse | undefined;
  /** The utterance that is being heard. */
  #utterance: { itemId: string; startedAt: number } | undefined;
  /** Audio appended and not yet committed. */
  #bufferedMs = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.log = new SessionLog(serverId('sess'), options.model, defaultConfig(options.model));
    this.#director = new Director(options.scenario);
    this.#vad = new EnergyVad(this.#vadSettings());
    options.socket.on('message', (data) => this.#onMessage(data));
    options.socket.on('close', () => this.#onClose());
    options.socket.on('error', () => options.socket.terminate());
    const fault = options.fault();
    if (fault?.kind === 'error_event' && fault.when === 'connect') this.#refuse(fault);
    else this.#send({ type: 'session.created', session: this.#sessionResource() });
  }

  /** As OpenAI refuses a wrong key: behind a handshake that succeeds. */
  #refuse(error: ProtocolError): void {
    this.error(error);
    this.#options.socket.close(3000, `invalid_request_error.${error.code}`);
  }

  /** Sends an `error` event; `eventId` is the client's event that it answers. */
  error({ code, message, param }: ProtocolError, eventId?: string): void {
    this.log.errors.push({ code, message, at: clock() });
    this.#send({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        code,
        message,
        param: param ?? null,
        event_id: eventId ?? null,
      },
    });
  }

  #onClose(): void {
    this.#response?.abandon();
    this.log.closedAt = clock();
    this.log.changed();
  }

  #onMessage(data: RawData): void {
    const parsed = clientEvent.safeParse(parsedJson(data));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const message = `Invalid event: ${z.prettifyError(parsed.error)}`;
      this.error({ code: 'invalid_value', message, param: issue?.path.join('.') ?? '' });
      return;
    }
    const event = parsed.data;
    if (event.type !== 'input_audio_buffer.append') this.#note('client', event);
    const refusal = this.#handle(event);
    if (refusal) this.error(refusal, event.event_id);
    this.log.changed();
    this.#options.onEvent?.(event.type);
  }

  #handle(event: ClientEvent): ProtocolError | undefined {
    switch (event.type) {
      case 'session.update':
        return this.#updateSession(event);
      case 'input_audio_buffer.append':
        return this.#hear(event);
      case 'input_audio_buffer.commit':
        return this.#commitByClient();
      case 'input_audio_buffer.clear':
        return this.#clearBuffer();
      case 'conversation.item.create':
        return this.#createItem(event);
      case 'conversation.item.delete':
        return this.#deleteItem(event);
      case 'conversation.item.truncate':
        return this.#truncate(event);
      case 'response.create':
        return this.#createResponse(event);
      case 'response.cancel':
        return this.#cancelResponse(event);
    }
  }

  #updateSession(event: Of<'session.update'>): ProtocolError | undefined {
    const next = patched(this.log.config, event.session);
    const voiceChanges = next.audio.output.voice !== this.log.config.audio.output.voice;
    if (voiceChanges && this.#conversation.hasAudio) {
      const message = 'Cannot update the voice once the assistant has spoken.';
      return { code: 'cannot_update_voice', message };
    }
    this.log.config = next;
    this.log.updates.push(event.session);
    this.#vad.configure(this.#vadSettings());
    this.#send({ type: 'session.updated', session: this.#sessionResource() });
    return undefined;
  }

  #hear(event: Of<'input_audio_buffer.append'>): undefined {
    const pcm = decodePcm(event.audio);
    const { audio } = this.log;
    audio.firstAt ??= clock();
    audio.ms += msOfSamples(pcm.length);
    this.#bufferedMs += msOfSamples(pcm.length);
    const events = this.#vad.push(pcm);
    audio.loudMs = this.#vad.loudMs;
    if (this.#detection) for (const found of events) this.#onVad(found);
    return undefined;
  }

  /** The detector keeps its state: clearing while the caller talks is no new onset. */
  #clearBuffer(): undefined {
    this.#bufferedMs = 0;
    this.#send({ type: 'input_audio_buffer.cleared' });
  }

  #onVad(event: VadEvent): void {
    if (event.kind === 'started') {
      const itemId = serverId('item');
      this.#utterance = { itemId, startedAt: clock() };
      this.#send({
        type: 'input_audio_buffer.speech_started',
        audio_start_ms: event.audioStartMs,
        item_id: itemId,
      });
      if (this.#detection?.interrupt_response !== false) this.#response?.cancel('turn_detected');
      return;
    }
    const utterance = this.#utterance;
    if (!utterance) return;
    this.#send({
      type: 'input_audio_buffer.speech_stopped',
      audio_end_ms: event.audioEndMs,
      item_id: utterance.itemId,
    });
    this.#commit(utterance);
    if (this.#detection?.create_response !== false) this.#respondToSilence();
  }

  #commitByClient(): ProtocolError | undefined {
    if (this.#bufferedMs < MIN_COMMIT_MS) {
      const message = `Error committing input audio buffer: expected at least ${MIN_COMMIT_MS} ms of audio.`;
      return { code: 'input_audio_buffer_commit_empty', message };
    }
    this.#commit(this.#utterance ?? { itemId: serverId('item'), startedAt: clock() });
    return undefined;
  }

  #commit({ itemId, startedAt }: { itemId: string; startedAt: number }): void {
    const audioMs = this.#bufferedMs;
    this.#bufferedMs = 0;
    this.#utterance = undefined;
    const transcript = this.#director.callerSpoke();
    this.log.callerTurns.push({ itemId, transcript, startedAt, endedAt: clock() });
    this.#send({
      type: 'input_audio_buffer.committed',
      previous_item_id: this.#conversation.lastId,
      item_id: itemId,
    });
    const inserted = this.#conversation.insert({
      id: itemId,
      type: 'message',
      role: 'user',
      content: [{ type: 'input_audio', transcript: null }],
    });
    if (!inserted.ok) throw new Error(inserted.error.message);
    this.#announce(inserted);
    if (this.log.config.audio.input.transcription) this.#transcribe(itemId, transcript, audioMs);
  }

  #transcribe(itemId: string, transcript: string, audioMs: number): void {
    const type = 'conversation.item.input_audio_transcription';
    const place = { item_id: itemId, content_index: 0 };
    for (const delta of transcript.match(/\s*\S+/g) ?? []) {
      this.#send({ type: `${type}.delta`, ...place, delta });
    }
    const audio = heardTokens(audioMs);
    const output = textTokens(transcript);
    this.#send({
      type: `${type}.completed`,
      ...place,
      transcript,
      usage: {
        type: 'tokens',
        total_tokens: audio + output,
        input_tokens: audio,
        input_token_details: { text_tokens: 0, audio_tokens: audio },
        output_tokens: output,
      },
    });
  }

  #createItem(event: Of<'conversation.item.create'>): ProtocolError | undefined {
    const { item } = event;
    if (item.type === 'function_call_output') {
      const { call_id: callId, output } = item;
      this.log.toolResults.push({ callId, output, receivedAt: clock() });
      if (!this.#hasCall(callId)) {
        const message = `Tool call ID '${callId}' not found in conversation.`;
        return { code: 'invalid_tool_call_id', message };
      }
    }
    const inserted = this.#conversation.insert(item, event.previous_item_id);
    if (!inserted.ok) return inserted.error;
    if (item.type === 'function_call_output') this.#director.resultCame(item.call_id, item.output);
    if (item.type === 'message') {
      const text = item.content.map((part) => part.text ?? '').join('');
      if (text) this.#director.messageAdded(item.role, text);
    }
    this.#announce(inserted);
    return undefined;
  }

  #hasCall(callId: string): boolean {
    return this.#conversation.items.some(
      (item) => item.type === 'function_call' && item.call_id === callId,
    );
  }

  #announce({ item, previousItemId }: { item: ConversationItem; previousItemId: string | null }) {
    this.#send({ type: 'conversation.item.added', previous_item_id: previousItemId, item });
    this.#send({ type: 'conversation.item.done', previous_item_id: previousItemId, item });
  }

  #deleteItem(event: Of<'conversation.item.delete'>): ProtocolError | undefined {
    const error = this.#conversation.delete(event.item_id);
    if (!error) this.#send({ type: 'conversation.item.deleted', item_id: event.item_id });
    return error;
  }

  #truncate(event: Of<'conversation.item.truncate'>): ProtocolError | undefined {
    const error = this.#conversation.truncate(event.item_id, event.audio_end_ms);
    if (error) return error;
    this.log.truncations.push({
      itemId: event.item_id,
      audioEndMs: event.audio_end_ms,
      at: clock(),
    });
    this.#send({
      type: 'conversation.item.truncated',
      item_id: event.item_id,
      content_index: event.content_index,
      audio_end_ms: event.audio_end_ms,
    });
    return undefined;
  }

  #createResponse(event: Of<'response.create'>): ProtocolError | undefined {
    const { instructions, metadata, tool_choice: choice } = event.response ?? {};
    return this.#start(() => this.#director.onRequest(instructions, this.log.config.instructions), {
      instructions,
      metadata: metadata ?? null,
      toolChoice: choice,
    });
  }

  #respondToSilence(): void {
    const refusal = this.#start(() => this.#director.onSilence(), {});
    if (refusal) this.error(refusal);
  }

  #start(
    decide: () => Decision,
    {
      instructions,
      metadata = null,
      toolChoice = this.log.config.tool_choice,
    }: {
      instructions?: string | undefined;
      metadata?: Record<string, unknown> | null;
      toolChoice?: unknown;
    },
  ): ProtocolError | undefined {
    if (this.#response?.active) {
      const message = `Conversation already has an active response in progress: ${this.#response.id}.`;
      return { code: 'conversation_already_has_active_response', message };
    }
    const fault = this.#options.fault();
    if (fault?.kind === 'stall') return undefined;
    const response = new ModelResponse(
      {
        send: (event) => this.#send(event),
        conversation: this.#conversation,
        director: this.#director,
        log: this.log,
        voice: this.#options.voice,
        speed: this.#options.speed,
      },
      { decision: decide(), instructions, metadata, mayCallTools: toolChoice !== 'none' },
    );
    this.#response = response;
    void response.run();
    if (fault?.kind === 'error_event' && fault.when === 'response') {
      response.fail(fault.code, fault.message);
    }
    return undefined;
  }

  #cancelResponse(event: Of<'response.cancel'>): ProtocolError | undefined {
    const response = this.#response;
    const meant = event.response_id === undefined || event.response_id === response?.id;
    if (!response?.active || !meant) {
      const message = 'Cancellation failed: no active response found';
      return { code: 'response_cancel_not_active', message };
    }
    response.cancel('client_cancelled');
    return undefined;
  }

  get #detection() {
    return this.log.config.audio.input.turn_detection;
  }

  #vadSettings() {
    return vadSettings(this.#detection, this.#options.scenario.hearing);
  }

  #sessionResource() {
    return { object: 'realtime.session', id: this.log.id, ...this.log.config };
  }

  #send(event: ServerEvent): void {
    const { socket, fault, onEvent } = this.#options;
    if (socket.readyState !== socket.OPEN || fault()?.kind === 'silent') return;
    this.#note('server', event);
    socket.send(JSON.stringify({ event_id: serverId('event'), ...event }));
    this.log.changed();
    onEvent?.(event.type);
  }

  #note(from: 'client' | 'server', event: ServerEvent): void {
    const { type, delta } = event;
    const isAudio = type === 'response.output_audio.delta' && typeof delta === 'string';
    const noted = isAudio ? { ...event, delta: undefined, audio_ms: base64Ms(delta) } : event;
    this.log.events.push({ at: clock(), from, event: noted });
  }
}

function parsedJson(data: RawData): unknown {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
}

function base64Ms(base64: string): number {
  return msOfSamples(Buffer.byteLength(base64, 'base64') / 2);
}
