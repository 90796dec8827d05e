/**
 * Keeps a login: the access token in memory and storage, refreshed before it ends.
 * Invariant: a refresh token is used once; tabs that share a storage take turns (using one twice would end the login).
 */
import { Emitter } from './emitter.js';
import { SdkError } from './errors.js';

const KEY = 'mediaserver.login';
const MARGIN_MS = 30_000;

export class Tokens extends Emitter {
  /** @param {{refresh: (refreshToken: string) => Promise<object>, storage?: Storage | null, now?: () => number}} options */
  constructor({ refresh, storage = null, now = Date.now }) {
    super();
    this.refresh = refresh;
    this.storage = storage;
    this.now = now;
    this.login = this.#load();
    this.refreshing = null;
  }

  get user() {
    return this.login?.user ?? null;
  }

  /** Take over an answer of register, login or refresh. */
  accept({ user, accessToken, expiresIn, refreshToken }) {
    this.login = { user, accessToken, refreshToken, expiresAtMs: this.now() + expiresIn * 1000 };
    this.storage?.setItem(KEY, JSON.stringify(this.login));
    this.emit('change', user);
    return user;
  }

  /** What is known of the signed-in person is newer now. */
  learn(user) {
    if (this.login?.user.id !== user.id) return;
    this.login = { ...this.login, user };
    this.storage?.setItem(KEY, JSON.stringify(this.login));
    this.emit('change', user);
  }

  clear() {
    this.login = null;
    this.storage?.removeItem(KEY);
    this.emit('change', null);
  }

  /**
   * A usable access token.
   * @param {{refused?: string}} [options] `refused`: a token that the server did not take, whatever its age says
   */
  async token({ refused } = {}) {
    const login = this.login;
    if (!login) throw new SdkError('unauthenticated', 'Please sign in.', { status: 401 });
    const fresh = login.expiresAtMs - MARGIN_MS > this.now() && login.accessToken !== refused;
    if (fresh) return login.accessToken;
    this.refreshing ??= this.#turn(login.accessToken).finally(() => { this.refreshing = null; });
    await this.refreshing;
    return this.login.accessToken;
  }

  async #turn(stale) {
    const locks = globalThis.navigator?.locks;
    if (!locks || !this.storage) return this.#renew(stale);
    return locks.request(`${KEY}.refresh`, () => this.#renew(stale));
  }

  async #renew(stale) {
    const stored = this.#load();
    if (stored && stored.accessToken !== stale) {
      this.login = stored; // another tab was faster
      return;
    }
    try {
      this.accept(await this.refresh(this.login.refreshToken));
    } catch (error) {
      if (error.status === 401 || error.status === 403) this.clear();
      throw error;
    }
  }

  #load() {
    try {
      return JSON.parse(this.storage?.getItem(KEY) ?? 'null') ?? this.login ?? null;
    } catch {
      return null;
    }
  }
}
