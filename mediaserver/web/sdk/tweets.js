/** Tweets, what people say about them, and the feed. */
const seg = encodeURIComponent;

export class Tweets {
  /** @param {import('./rest.js').Rest} rest */
  constructor(rest) {
    this.rest = rest;
  }

  /** Of those whom one follows and one's own, the newest first. @returns {Promise<import('./types.js').Page<import('./types.js').Tweet>>} */
  feed(query = {}) {
    return this.rest.request('GET', '/feed', { query });
  }

  /** @param {{q?: string, hashtag?: string, mention?: string, userId?: string, limit?: number, cursor?: string}} query */
  list(query = {}) {
    return this.rest.request('GET', '/tweets', { query });
  }

  get(id) {
    return this.rest.request('GET', `/tweets/${seg(id)}`);
  }

  /** @param {{text?: string, media?: string[]}} content `media`: ids of uploads @param {{key?: string}} [options] see `Rest.request` */
  post(content, { key } = {}) {
    return this.rest.request('POST', '/tweets', { body: { content }, key });
  }

  remove(id) {
    return this.rest.request('DELETE', `/tweets/${seg(id)}`);
  }

  /** As often as one likes: it counts once. @returns {Promise<import('./types.js').Tweet>} as it is then */
  like(id, liked = true) {
    return this.rest.request(liked ? 'PUT' : 'DELETE', `/tweets/${seg(id)}/like`);
  }

  /** Who likes it. */
  likes(id, query = {}) {
    return this.rest.request('GET', `/tweets/${seg(id)}/likes`, { query });
  }

  /** The oldest first. */
  comments(id, query = {}) {
    return this.rest.request('GET', `/tweets/${seg(id)}/comments`, { query });
  }

  comment(id, content, { key } = {}) {
    return this.rest.request('POST', `/tweets/${seg(id)}/comments`, { body: { content }, key });
  }

  removeComment(id) {
    return this.rest.request('DELETE', `/comments/${seg(id)}`);
  }

  likeComment(id, liked = true) {
    return this.rest.request(liked ? 'PUT' : 'DELETE', `/comments/${seg(id)}/like`);
  }
}
