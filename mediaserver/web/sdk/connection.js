/**
 * One Socket.IO connection that comes back by itself. A request is answered or fails; nothing is buffered over an outage,
 * because what still matters then is decided by those who asked.
 * Emits `up`, `down` {reason}, `refused` {code, message} and every server event as `event` {event, data, ack}.
 */
import { io } from '../vendor/socket.io.esm.min.js';
import { Backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { SdkError } from './errors.js';

const REQUEST_TIMEOUT_MS = 10_000;
/** Refusals that a new try with a new token may cure; each is tried so often in a row. */
const UNAUTHENTICATED_TRIES = 2;

export class Connection extends Emitter {
  /** @param {{url: string, token: (options?: {refused?: string}) => Promise<string>}} options */
  constructor({ url, token }) {
    super();
    this.getToken = token;
    this.lastToken = undefined;
    this.refusals = 0;
    this.closed = false;
    this.backoff = new Backoff({ firstMs: 500 });
    this.socket = io(url, {
      path: '/socket.io/',
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      forceNew: true,
      autoConnect: false,
      timeout: 8000,
      reconnectionDelay: 400,
      reconnectionDelayMax: 3000,
      auth: (give) => this.#auth(give),
    });
    this.#listen();
  }

  open() {
    this.socket.connect();
  }

  get connected() {
    return this.socket.connected;
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    globalThis.removeEventListener?.('online', this.hurry);
    this.socket.disconnect();
  }

  /** @returns {Promise<any>} the acknowledgement; rejects with its error, `timeout` or `disconnected` */
  request(event, payload = {}, { timeoutMs = REQUEST_TIMEOUT_MS } = {}) {
    if (!this.socket.connected) return Promise.reject(new SdkError('disconnected', 'The connection to the server is lost.'));
    return new Promise((resolve, reject) => {
      this.socket.timeout(timeoutMs).emit(event, payload, (failure, answer) => {
        if (failure) {
          const [code, message] = this.socket.connected
            ? ['timeout', 'The server does not answer.'] : ['disconnected', 'The connection to the server is lost.'];
          reject(new SdkError(code, message));
        } else if (answer?.ok) resolve(answer);
        else reject(new SdkError(answer?.error?.code ?? 'internal', answer?.error?.message ?? 'The server refused.',
          { ...answer?.error, retryAfterS: answer?.error?.retryAfter }));
      });
    });
  }

  async #auth(give) {
    try {
      const refused = this.refusals > 0 ? this.lastToken : undefined;
      this.lastToken = await this.getToken({ refused });
    } catch (error) {
      if (error.code !== 'offline') this.lastToken = '';
    }
    give({ token: this.lastToken ?? '' });
  }

  #listen() {
    const { socket } = this;
    socket.on('connect', () => {
      this.refusals = 0;
      this.backoff.reset();
      this.emit('up');
    });
    socket.on('disconnect', (reason) => {
      this.emit('down', { reason });
      // After a disconnection by the server the library waits to be told.
      if (!socket.active && !this.closed) this.#again();
    });
    socket.on('connect_error', (error) => this.#failed(error));
    socket.onAny((event, data, ack) => this.emit('event', { event, data, ack: typeof ack === 'function' ? ack : null }));
    this.hurry = () => { if (!this.closed && !socket.connected) socket.disconnect().connect(); };
    globalThis.addEventListener?.('online', this.hurry);
  }

  #failed(error) {
    if (this.socket.active || this.closed) return; // the network: the library tries again by itself
    const code = error.data?.code ?? error.message;
    if (code === 'unauthenticated') {
      this.refusals += 1;
      if (this.refusals > UNAUTHENTICATED_TRIES) {
        this.emit('refused', { code, message: error.data?.message ?? 'Please sign in again.' });
        return;
      }
    }
    this.#again(error.data?.retryAfter);
  }

  /** Connect again in a moment, no sooner than the server has asked for. */
  #again(retryAfterS = 0) {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.closed || this.socket.connect(), Math.max(this.backoff.next(), retryAfterS * 1000));
  }
}
