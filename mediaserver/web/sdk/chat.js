/**
 * The chat of one session: history, live messages, what is on its way. Missing numbers are fetched over REST, so that
 * `messages` is complete and in order. Emits `change`.
 */
import { ChatLog } from './chatlog.js';
import { Emitter } from './emitter.js';
import { Outbox } from './outbox.js';
import { Serial } from './serial.js';

const PAGE = 100;
const TYPING_EVERY_MS = 2000;

export class Chat extends Emitter {
  /** @param {{rest: import('./rest.js').Rest, request: (event: string, payload: object) => Promise<any>}} options */
  constructor({ rest, request }) {
    super();
    this.rest = rest;
    this.request = request;
    this.place = null;
    this.online = false;
    this.log = new ChatLog();
    this.outbox = new Outbox({ send: (payload) => request('chat.send', payload) });
    this.outbox.on('stored', (message) => this.receive(message));
    this.outbox.on('change', () => this.emit('change'));
    this.filling = new Serial(() => this.#fill());
    this.typedAt = 0;
  }

  /** @returns {import('./types.js').Message[]} */
  get messages() {
    return this.log.messages;
  }

  /** @returns {import('./types.js').Pending[]} what is not stored yet, without what has meanwhile arrived */
  get pending() {
    const arrived = new Set(this.messages.map((each) => each.clientId));
    return this.outbox.pending.filter((each) => !arrived.has(each.clientId));
  }

  get hasOlder() {
    return this.log.floor > 0;
  }

  /** @returns {Promise<import('./types.js').Message>} when the server has stored it, however long the network is away */
  send(content, { contentType = 'Text', clientId, preview } = {}) {
    return this.outbox.add({ content, contentType, clientId, preview });
  }

  /** Tell the others that I am writing; may be called at every key. */
  typing(now = Date.now()) {
    if (!this.online || now - this.typedAt < TYPING_EVERY_MS) return;
    this.typedAt = now;
    this.request('chat.typing', {}).catch(() => {});
  }

  enter(chat) {
    this.log.enter(chat);
    this.#checkHoles();
    this.outbox.flush();
    this.emit('change');
  }

  receive(message) {
    if (!this.log.add(message)) return;
    this.#checkHoles();
    this.emit('change');
  }

  async loadOlder() {
    const { items } = await this.#page({ beforeSequence: this.log.floor + 1 });
    items.sort((a, b) => a.sequence - b.sequence);
    this.log.prepend(items, items.length === 0);
    this.emit('change');
  }

  close() {
    this.outbox.close();
  }

  #page(query) {
    return this.rest.request('GET', `/${this.place.kind}-sessions/${this.place.sessionId}/messages`, { query: { limit: PAGE, ...query } });
  }

  #checkHoles() {
    if (this.log.holes().length) this.filling.run().catch(() => {}); // the next message or join tries again
  }

  async #fill() {
    for (let [hole] = this.log.holes(); hole; [hole] = this.log.holes()) {
      const { items } = await this.#page({ afterSequence: hole.after });
      const fitting = items.filter(({ sequence }) => sequence > hole.after);
      const added = this.log.merge(fitting);
      this.emit('change');
      if (!added.length) return;
    }
  }
}
