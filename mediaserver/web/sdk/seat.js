/**
 * One's place in a session: joins, holds back what arrives before the join is answered, and comes back after a lost connection.
 * Invariant: nothing is told to the owner between the question `session.join` and its answer.
 * Emits `state` and `out` {reason}; after `out` nothing comes back by itself.
 *
 * @typedef {{since: () => object | undefined, take: (answer: object) => () => void, settle: (answer: object, returned: boolean) => Promise<void>,
 *   heard: (event: string, data: any, ack: Function | null) => void}} Owner
 *   `take` takes over an answer's state and gives what is to be done once one has joined; `settle` does the slow rest
 */
import { Backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { SdkError, isPassing, sleep } from './errors.js';

const JOIN_TIMEOUT_MS = 15_000;

export class Seat extends Emitter {
  /** @param {{connection: import('./connection.js').Connection, owner: Owner}} options */
  constructor({ connection, owner }) {
    super();
    this.connection = connection;
    this.owner = owner;
    /** @type {import('./types.js').State} */
    this.state = 'idle';
    this.place = null;
    /** What `session.join` answered last. */
    this.welcome = null;
    this.early = null;
    connection.on('up', () => this.state === 'reconnecting' && this.#comeBack());
    connection.on('down', () => this.state === 'joined' && this.#become('reconnecting'));
    connection.on('refused', ({ code }) => this.out(code));
    connection.on('event', ({ event, data, ack }) => this.#heard(event, data, ack));
  }

  /** @param {{kind: import('./types.js').Kind, sessionId: string}} place */
  async open(place) {
    this.place = place;
    this.#become('connecting');
    this.connection.open();
    await this.#connected();
    await this.#enter();
  }

  /** Something is missing: join again with `since`, as after a lost connection. */
  again() {
    if (this.state !== 'joined') return;
    this.#become('reconnecting');
    this.#comeBack();
  }

  /** Over, for a reason that the server gave. */
  out(reason) {
    if (this.state === 'left') return;
    this.close();
    this.emit('out', { reason });
  }

  close() {
    this.connection.close();
    this.#become('left');
  }

  async #connected() {
    if (this.connection.connected) return;
    let undo = [];
    await new Promise((resolve, reject) => {
      undo = [this.connection.on('up', resolve), this.connection.on('refused', ({ code, message }) => reject(new SdkError(code, message)))];
    }).finally(() => undo.forEach((each) => each()));
  }

  async #enter() {
    this.early = [];
    const since = this.owner.since();
    let answer;
    try {
      answer = await this.connection.request('session.join', { ...this.place, ...(since ? { since } : {}) }, { timeoutMs: JOIN_TIMEOUT_MS });
    } catch (error) {
      this.early = null;
      throw error;
    }
    const returned = this.welcome !== null;
    this.welcome = answer;
    const react = this.owner.take(answer);
    const { early } = this;
    this.early = null;
    this.#become('joined');
    react();
    for (const { event, data, ack } of early) this.#heard(event, data, ack);
    await this.owner.settle(answer, returned);
  }

  /** Join again until it works or the server says that it never will. */
  async #comeBack() {
    const backoff = new Backoff({ firstMs: 500, maxMs: 4000 });
    while (this.state === 'reconnecting' && this.connection.connected) {
      try {
        await this.#enter();
        return;
      } catch (error) {
        if (error.code === 'disconnected') return; // the next `up` comes here again
        if (!isPassing(error) && error.code !== 'room_full') return void this.out(error.code);
        await sleep(backoff.next());
      }
    }
  }

  #heard(event, data, ack) {
    if (this.early) this.early.push({ event, data, ack });
    else this.owner.heard(event, data, ack);
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit('state', state);
  }
}
