/** People: profiles, whom one follows, whom one blocks; skills. */
import { SdkError } from './errors.js';

const seg = encodeURIComponent;

export class People {
  /** @param {import('./rest.js').Rest} rest */
  constructor(rest) {
    this.rest = rest;
  }

  /** @param {{q?: string, skill?: string, limit?: number, cursor?: string}} query */
  list(query = {}) {
    return this.rest.request('GET', '/users', { query });
  }

  /** @returns {Promise<import('./types.js').Profile>} */
  get(id) {
    return this.rest.request('GET', `/users/${seg(id)}`);
  }

  /** @param {{profile?: object, profileImage?: string | null, skills?: string[]}} changes `profileImage`: an upload's id */
  update(id, changes) {
    return this.rest.request('PATCH', `/users/${seg(id)}`, { body: changes });
  }

  /** Erase somebody with everything that is only theirs. */
  erase(id) {
    return this.rest.request('DELETE', `/users/${seg(id)}`);
  }

  /** Everything that the server keeps of a person, as a zip. */
  export(id) {
    return this.rest.download(`/users/${seg(id)}/export`);
  }

  tweets(id, query = {}) {
    return this.rest.request('GET', `/users/${seg(id)}/tweets`, { query });
  }

  /** Items name the `follower`. */
  followers(id, query = {}) {
    return this.rest.request('GET', `/users/${seg(id)}/followers`, { query });
  }

  /** Items name the one who is followed: `following`. */
  following(id, query = {}) {
    return this.rest.request('GET', `/users/${seg(id)}/following`, { query });
  }

  /** Following whom one follows already changes nothing. */
  async follow(id) {
    try {
      await this.rest.request('POST', '/follows', { body: { followingUserId: id } });
    } catch (error) {
      if (error.code !== 'follow_exists') throw error;
    }
  }

  /** @param {string} me one's own id @param {string} id */
  async unfollow(me, id) {
    const { items } = await this.rest.request('GET', '/follows', { query: { followerUserId: me, followingUserId: id, limit: 1 } });
    if (items.length) await gone(this.rest.request('DELETE', `/follows/${seg(items[0].id)}`));
  }

  /** Neither sees the other any more. */
  async block(id) {
    try {
      await this.rest.request('POST', '/blocks', { body: { blockedUserId: id } });
    } catch (error) {
      if (error.code !== 'block_exists') throw error;
    }
  }

  /** Whom one blocked; items name the `blocked`. */
  blocks(query = {}) {
    return this.rest.request('GET', '/blocks', { query });
  }

  unblock(blockId) {
    return gone(this.rest.request('DELETE', `/blocks/${seg(blockId)}`));
  }

  /** Ask administrators to look at something. @param {{targetKind: 'tweet' | 'comment' | 'user' | 'message', targetId: string, reason: string}} body */
  report(body) {
    return this.rest.request('POST', '/reports', { body });
  }

  /** One's own, or all for administrators. @param {{status?: 'open' | 'resolved' | 'dismissed', limit?: number, cursor?: string}} query */
  reports(query = {}) {
    return this.rest.request('GET', '/reports', { query });
  }

  settleReport(id, status) {
    return this.rest.request('PATCH', `/reports/${seg(id)}`, { body: { status } });
  }

  skills(query = {}) {
    return this.rest.request('GET', '/skills', { query });
  }

  skill(id) {
    return this.rest.request('GET', `/skills/${seg(id)}`);
  }

  createSkill(body) {
    return this.rest.request('POST', '/skills', { body });
  }
}

/** That something is gone already is what was wanted. */
async function gone(request) {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof SdkError && error.status === 404)) throw error;
  }
}
