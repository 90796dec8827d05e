/**
 * What happens to the signed-in person, as it happens: one connection for a whole page, beside those of sessions.
 * Emits `unread` {notifications, messages}, `notification`, `message`, `message.read`, `message.deleted`, `up` {again} (with
 * `again`, something may have been missed meanwhile) and `down`.
 */
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { Serial } from './serial.js';

export class Live extends Emitter {
  /**
   * @param {{url: string, token: (options?: {refused?: string}) => Promise<string>, inbox: import('./inbox.js').Inbox,
   *   connection?: Connection}} options
   */
  constructor({ url, token, inbox, connection = new Connection({ url, token }) }) {
    super();
    this.inbox = inbox;
    this.connection = connection;
    this.unread = { notifications: 0, messages: 0 };
    this.closed = false;
    this.counting = new Serial(() => this.#count());
    let been = false;
    connection.on('up', () => {
      this.emit('up', { again: been });
      been = true;
      this.recount();
    });
    connection.on('down', () => this.emit('down'));
    connection.on('event', ({ event, data }) => this.#heard(event, data));
  }

  open() {
    this.connection.open();
    return this;
  }

  get connected() {
    return this.connection.connected;
  }

  /** Send something to the server; see `Connection.request`. */
  request(event, payload) {
    return this.connection.request(event, payload);
  }

  /** Ask how much is unread; what fails now is asked again with the next event or connection. */
  recount() {
    this.counting.run().catch(() => {});
  }

  close() {
    this.closed = true;
    this.connection.close();
  }

  async #count() {
    const [notifications, messages] = await Promise.all([this.inbox.unreadNotifications(), this.inbox.unreadMessages()]);
    this.#tell({ notifications, messages });
  }

  #tell(changes) {
    if (this.closed) return;
    this.unread = { ...this.unread, ...changes };
    this.emit('unread', this.unread);
  }

  #heard(event, data) {
    if (event === 'notification' || event === 'notification.unread') this.#tell({ notifications: data.unreadCount });
    if (event.startsWith('message')) this.recount();
    if (['notification', 'message', 'message.read', 'message.deleted'].includes(event)) this.emit(event, data);
  }
}
