import { EventEmitter } from 'node:events';
import { voice } from '@livekit/agents';

const { AgentStateChanged, UserStateChanged } = voice.AgentSessionEventTypes;

/** Something the session was asked to say; the test says how it went. */
export class FakeSpeech {
  readonly request: { instructions?: string; userInput?: string };
  interrupted = false;
  chatItems: { type: string }[] = [];
  #done = false;
  #error: unknown;
  readonly #callbacks: (() => void)[] = [];

  constructor(request: { instructions?: string; userInput?: string }) {
    this.request = request;
  }

  done(): boolean {
    return this.#done;
  }

  exception(): unknown {
    return this.#error;
  }

  addDoneCallback(callback: () => void): void {
    if (this.#done) queueMicrotask(callback);
    else this.#callbacks.push(callback);
  }

  played(): void {
    this.chatItems = [{ type: 'message' }];
    this.#end();
  }

  cutOff(): void {
    this.interrupted = true;
    this.#end();
  }

  /** What the model refused, or never began. */
  failed(error?: unknown): void {
    this.#error = error;
    this.#end();
  }

  #end(): void {
    this.#done = true;
    for (const callback of this.#callbacks) callback();
  }
}

/** The part of an AgentSession that speaking and listening need. */
export class FakeSession extends EventEmitter {
  agentState: voice.AgentState = 'listening';
  userState: voice.UserState = 'listening';
  readonly speeches: FakeSpeech[] = [];
  /** In order: speeches begun and interruptions. */
  readonly happened: string[] = [];
  readonly input = {
    setAudioEnabled: (enabled: boolean): void => {
      this.happened.push(enabled ? 'listen' : 'listen no more');
    },
  };
  closed = false;

  /** As the code under test takes it. */
  get session(): voice.AgentSession {
    return this as unknown as voice.AgentSession;
  }

  generateReply(request: { instructions?: string; userInput?: string } = {}): FakeSpeech {
    if (this.closed) throw new Error('the session is closing');
    const speech = new FakeSpeech(request);
    this.speeches.push(speech);
    this.happened.push(`say ${request.instructions ?? request.userInput ?? 'anything'}`);
    return speech;
  }

  interrupt(): void {
    this.happened.push('interrupt');
  }

  agent(newState: voice.AgentState): void {
    const oldState = this.agentState;
    this.agentState = newState;
    this.emit(AgentStateChanged, { oldState, newState });
  }

  user(newState: voice.UserState): void {
    const oldState = this.userState;
    this.userState = newState;
    this.emit(UserStateChanged, { oldState, newState });
  }

  get listening(): number {
    return this.eventNames().reduce((sum, name) => sum + this.listenerCount(name), 0);
  }
}
