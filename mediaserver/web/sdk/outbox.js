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
      this.pending.push({ clientId, contentType, content, preview, failed: null, slowed: false, resolve, reject });
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
      if (isPassing(error)) {
        this.#slow(entry, error.code === 'too_many');
        // The server knows best when it takes messages again; without its word we try less and less often.
        return this.wait(error.retryAfterS ? error.retryAfterS * 1000 : this.backoff.next());
      }
      entry.failed = error;
      entry.reject(error);
      this.emit('change');
    }
    return undefined;
  }

  /** The message waits because the person writes faster than the server takes it: the page can say so. */
  #slow(entry, slowed) {
    if (entry.slowed === slowed) return;
    entry.slowed = slowed;
    this.emit('change');
  }
}

/** Something that nobody else makes. `crypto.randomUUID` exists only in secure contexts; `getRandomValues` everywhere. */
export function newKey() {
  return crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
