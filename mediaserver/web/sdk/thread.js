/**
 * What two people write to each other: history, what arrives, what is on its way; in order and each message once.
 * Emits `change`.
 */
import { Emitter } from './emitter.js';
import { Outbox } from './outbox.js';
import { Serial } from './serial.js';

const PAGE = 30;
/** So many pages are read again after an outage; beyond, what lies between is shown as older. */
const MOST_PAGES = 10;

/** Messages in the order of their ids, which is the order in which they were written. Pure. */
export class Letters {
  constructor() {
    /** @type {import('./types.js').DirectMessage[]} */
    this.messages = [];
    this.gone = new Set();
  }

  has(id) {
    return this.messages.some((each) => each.id === id);
  }

  /** Takes messages over, the newer version where one is known; not what was deleted meanwhile. */
  merge(messages) {
    const known = new Map(this.messages.map((each) => [each.id, each]));
    for (const each of messages) {
      if (this.gone.has(each.id)) continue;
      const read = each.isRead || known.get(each.id)?.isRead || false; // what was read stays read
      known.set(each.id, read === each.isRead ? each : { ...each, isRead: read });
    }
    this.messages = [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Only these, for what lies between them and what was there is not known. */
  startAnew(messages) {
    this.messages = [];
    this.merge(messages);
  }

  remove(id) {
    this.gone.add(id);
    this.messages = this.messages.filter((each) => each.id !== id);
  }

  /** `senderUserId` wrote what was read: one message, or all up to and with one. */
  markRead({ senderUserId, messageId, throughId }) {
    this.messages = this.messages.map((each) => {
      const meant = each.senderUserId === senderUserId && (messageId ? each.id === messageId : each.id <= throughId);
      return meant && !each.isRead ? { ...each, isRead: true } : each;
    });
  }
}

export class Thread extends Emitter {
  /** @param {{inbox: import('./inbox.js').Inbox, live: import('./live.js').Live, userId: string}} options `userId`: the other one */
  constructor({ inbox, live, userId }) {
    super();
    Object.assign(this, { inbox, live, userId });
    this.letters = new Letters();
    this.cursor = null;
    this.outbox = new Outbox({ send: (payload) => live.request('message.send', { ...payload, receiverUserId: userId }) });
    this.outbox.on('stored', (message) => this.#take([message]));
    this.outbox.on('change', () => this.emit('change'));
    this.loading = new Serial(() => this.#latest());
    this.undo = [
      live.on('message', (message) => this.#concerns(message) && this.#take([message])),
      live.on('message.deleted', (message) => this.#concerns(message) && this.#change(() => this.letters.remove(message.id))),
      live.on('message.read', (read) => this.#concerns(read) && this.#change(() => this.letters.markRead(read))),
      live.on('up', ({ again }) => {
        this.outbox.flush();
        if (again) this.loading.run().catch(() => {});
      }),
    ];
  }

  /** The latest page. */
  open() {
    return this.loading.run();
  }

  /** @returns {import('./types.js').DirectMessage[]} the oldest first */
  get messages() {
    return this.letters.messages;
  }

  /** @returns {import('./types.js').Pending[]} what is not stored yet, without what has meanwhile arrived */
  get pending() {
    const arrived = new Set(this.messages.map((each) => each.clientId));
    return this.outbox.pending.filter((each) => !arrived.has(each.clientId));
  }

  get hasOlder() {
    return this.cursor !== null;
  }

  async loadOlder() {
    const { items, nextCursor } = await this.inbox.messages(this.userId, { limit: PAGE, cursor: this.cursor });
    this.cursor = nextCursor;
    this.#take(items);
  }

  /** @returns {Promise<import('./types.js').DirectMessage>} when the server has stored it, however long the network is away */
  send(content, { contentType = 'Text', preview } = {}) {
    return this.outbox.add({ content, contentType, preview });
  }

  /** What the other one wrote is read; without unread messages nothing is asked of the server. */
  async read() {
    if (this.messages.some((each) => each.senderUserId === this.userId && !each.isRead)) await this.inbox.readConversation(this.userId);
  }

  async remove(id) {
    await this.inbox.removeMessage(id);
    this.#change(() => this.letters.remove(id));
  }

  close() {
    this.outbox.close();
    this.undo.forEach((each) => each());
  }

  /** Read back to what is known. */
  async #latest() {
    const first = this.messages.length === 0;
    const found = [];
    let cursor = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const { items, nextCursor } = await this.inbox.messages(this.userId, { limit: PAGE, cursor });
      const met = items.some(({ id }) => this.letters.has(id));
      found.push(...items);
      cursor = nextCursor;
      if (met) return void this.#take(found);
      if (first || cursor === null) break;
    }
    this.cursor = cursor;
    this.#change(() => this.letters.startAnew(found));
  }

  #concerns({ senderUserId, receiverUserId }) {
    return senderUserId === this.userId || receiverUserId === this.userId;
  }

  #take(messages) {
    this.#change(() => this.letters.merge(messages));
  }

  #change(act) {
    act();
    this.emit('change');
  }
}
