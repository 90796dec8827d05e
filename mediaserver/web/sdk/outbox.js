/**
 * Messages on their way: sent one after the other in the order of writing, again and again with the same `clientId` until
 * the server has acknowledged them. The server stores a `clientId` once, so none is lost and none is there twice.
 */
import { Backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { isPassing, sleep } from './errors.js';

export class Outbox extends Emitter {
  /** @param {{send: (payload: object) => Promise<{message: object}>, wait?: (ms: number) => Promise<void>}} options */
  constructor({ send, wait = sleep }) {
    super();
    this.send = send;
    this.wait = wait;
    this.backoff = new Backoff();
    /** @type {import('./types.js').Pending[]} */
    this.pending = [];
    this.flushing = false;
    this.closed = false;
  }

  /** @returns {Promise<import('./types.js').Message>} the stored message */
  add({ clientId = newKey(), contentType = 'Text', content, preview = null }) {
    const done = new Promise((resolve, reject) => {
      this.pending.push({ clientId, contentType, content, preview, failed: null, resolve, reject });
    });
    this.emit('change');
    this.flush();
    return done;
  }

  /** A message that the server refused stays visible until it is dropped. */
  drop(clientId) {
    this.pending = this.pending.filter((each) => each.clientId !== clientId);
    this.emit('change');
  }

  async flush() {
    if (this.flushing) return;
    this.flushing = true;
    try {
      for (let next = this.#next(); next && !this.closed; next = this.#next()) await this.#deliver(next);
    } finally {
      this.flushing = false;
    }
  }

  close() {
    this.closed = true;
  }

  #next() {
    return this.pending.find((each) => !each.failed);
  }

  async #deliver(entry) {
    const { clientId, contentType, content } = entry;
    try {
      const { message } = await this.send({ clientId, contentType, content });
      this.backoff.reset();
      this.emit('stored', message);
      this.drop(clientId);
      entry.resolve(message);
    } catch (error) {
      if (isPassing(error)) return this.wait(this.backoff.next());
      entry.failed = error;
      entry.reject(error);
      this.emit('change');
    }
    return undefined;
  }
}

/** Something that nobody else makes. `crypto.randomUUID` exists only in secure contexts; `getRandomValues` everywhere. */
export function newKey() {
  return crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
