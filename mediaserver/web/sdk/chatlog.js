/**
 * The messages of one session in the order of their sequence numbers, each once.
 * Pure: it says which numbers are missing, somebody else fetches them.
 */
export class ChatLog {
  constructor() {
    /** @type {import('./types.js').Message[]} sorted by sequence, without doubles */
    this.messages = [];
    this.#floor = null;
  }

  #floor;

  /** Everything up to and with this number is older history: not known here and not called a hole. */
  get floor() {
    return this.#floor ?? 0;
  }

  /** Take over what `session.join` said: the first time it sets the floor, later it only fills up. */
  enter({ messages, lastSequence }) {
    if (this.#floor === null) {
      const known = [...messages, ...this.messages].map((each) => each.sequence);
      this.#floor = known.length ? Math.min(...known) - 1 : lastSequence;
    }
    const added = this.merge(messages);
    this.lastSequence = Math.max(lastSequence, this.lastSequence ?? 0);
    return added;
  }

  /** @returns {import('./types.js').Message[]} those that were new */
  merge(messages) {
    return messages.filter((message) => this.add(message));
  }

  /** @returns {boolean} whether it was new */
  add(message) {
    let at = this.messages.length;
    while (at > 0 && this.messages[at - 1].sequence > message.sequence) at -= 1;
    if (at > 0 && this.messages[at - 1].sequence === message.sequence) return false;
    this.messages.splice(at, 0, message);
    return true;
  }

  /** Add older history from REST: the floor sinks to just below its first message. */
  prepend(messages, reachedStart) {
    this.merge(messages);
    if (messages.length) this.#floor = Math.min(this.floor, messages[0].sequence - 1);
    if (reachedStart) this.#floor = 0;
  }

  /** The highest number up to which nothing is missing above the floor: what `since.chat` may claim. */
  get contiguous() {
    let last = this.floor;
    for (const { sequence } of this.messages) {
      if (sequence <= last) continue;
      if (sequence !== last + 1) break;
      last = sequence;
    }
    return last;
  }

  /** @returns {{after: number, before: number}[]} the missing ranges, both bounds exclusive */
  holes() {
    const holes = [];
    let last = this.floor;
    for (const { sequence } of this.messages) {
      if (sequence <= this.floor) continue;
      if (sequence > last + 1) holes.push({ after: last, before: sequence });
      last = sequence;
    }
    if ((this.lastSequence ?? 0) > last) holes.push({ after: last, before: this.lastSequence + 1 });
    return holes;
  }
}
