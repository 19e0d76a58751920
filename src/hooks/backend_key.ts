import { inspect } from 'node:util';

/**
 * A key that a backend gave for one call. It lives in this process's memory only: whatever prints,
 * logs or stores the object around it gets a placeholder.
 */
export class BackendKey {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  /** For the one request that carries it. */
  reveal(): string {
    return this.#key;
  }

  toJSON(): string {
    return '[secret]';
  }

  toString(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
