/** What comes to a person: notifications, and messages that people write to each other. */
const seg = encodeURIComponent;

export class Inbox {
  /** @param {import('./rest.js').Rest} rest */
  constructor(rest) {
    this.rest = rest;
  }

  /** The newest first. @returns {Promise<import('./types.js').Page<import('./types.js').Notification>>} */
  notifications(query = {}) {
    return this.rest.request('GET', '/notifications', { query });
  }

  /** @returns {Promise<number>} how many one has not read */
  async unreadNotifications() {
    return (await this.rest.request('GET', '/notifications/unread-count')).unreadCount;
  }

  readNotification(id, isRead = true) {
    return this.rest.request('PATCH', `/notifications/${seg(id)}`, { body: { isRead } });
  }

  removeNotification(id) {
    return this.rest.request('DELETE', `/notifications/${seg(id)}`);
  }

  readAllNotifications() {
    return this.rest.request('POST', '/notifications/read-all');
  }

  /** With whom one writes, the latest first. @returns {Promise<import('./types.js').Page<import('./types.js').Conversation>>} */
  conversations(query = {}) {
    return this.rest.request('GET', '/conversations', { query });
  }

  /** @returns {Promise<number>} how many messages one has not read */
  async unreadMessages() {
    return (await this.rest.request('GET', '/conversations/unread-count')).unreadCount;
  }

  /** Mark all that somebody wrote as read; nothing to read is fine. */
  async readConversation(userId) {
    try {
      await this.rest.request('POST', `/conversations/${seg(userId)}/read`);
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }

  /** What one and somebody else wrote to each other, the newest first. @returns {Promise<import('./types.js').Page<import('./types.js').DirectMessage>>} */
  messages(userId, query = {}) {
    return this.rest.request('GET', '/messages', { query: { with: userId, ...query } });
  }

  removeMessage(id) {
    return this.rest.request('DELETE', `/messages/${seg(id)}`);
  }
}
