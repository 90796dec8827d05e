/** The REST side: accounts, sessions, uploads, recordings. Signing in once is enough; tokens are renewed by themselves. */
import { DeviceTokens } from './devicetokens.js';
import { Emitter } from './emitter.js';
import { SdkError } from './errors.js';
import { linkIn, parseLink } from './filelinks.js';
import { Inbox } from './inbox.js';
import { Learning } from './learning.js';
import { Live } from './live.js';
import { People } from './people.js';
import { Rest, parseAnswer } from './rest.js';
import { Session } from './session.js';
import { Thread } from './thread.js';
import { Tokens } from './tokens.js';
import { Tweets } from './tweets.js';

const seg = encodeURIComponent;

/** Emits `user` (the signed-in user or null) whenever that changes. */
export class Client extends Emitter {
  /** @param {{url?: string, storage?: Storage | null}} [options] `storage` keeps the login over reloads; null: only in memory */
  constructor({ url = globalThis.location?.origin, storage = null } = {}) {
    super();
    this.url = url;
    const anonymous = new Rest({ url });
    this.devices = new DeviceTokens(storage);
    const refresh = async (refreshToken) => this.#known(await anonymous.request('POST', '/auth/refresh', { body: { refreshToken } }));
    this.tokens = new Tokens({ refresh, storage });
    this.tokens.on('change', (user) => this.#changed(user));
    this.token = (options) => this.tokens.token(options);
    this.rest = new Rest({ url, token: this.token });
    this.people = new People(this.rest);
    this.tweets = new Tweets(this.rest);
    this.learning = new Learning(this.rest);
    this.inbox = new Inbox(this.rest);
    this.lively = null;
  }

  /** What happens to the signed-in person: one connection, opened when it is first asked for, closed with the login. */
  live() {
    if (!this.user) throw new SdkError('unauthenticated', 'Please sign in.', { status: 401 });
    this.lively ??= { userId: this.user.id, live: new Live({ url: this.url, token: this.token, inbox: this.inbox }).open() };
    return this.lively.live;
  }

  /** What one and somebody else write to each other; `open` it, and `close` it at the end. */
  thread(userId) {
    return new Thread({ inbox: this.inbox, live: this.live(), userId });
  }

  /** @returns {import('./types.js').User | null} */
  get user() {
    return this.tokens.user;
  }

  /** @returns {Promise<{open: boolean, emailDomains: string[], requiresVerifiedEmail: boolean}>} who may create an account */
  registration() {
    return this.rest.request('GET', '/auth/registration', { anonymous: true });
  }

  async register({ username, email, password }) {
    const body = { username, email, password };
    return this.tokens.accept(this.#known(await this.rest.request('POST', '/auth/register', { body, anonymous: true })));
  }

  /**
   * `confirmation_required`: the device is new to an account under attack; see `requestLoginLink`.
   * @param {{login: string, password: string}} credentials `login` is the username or the email
   */
  async login({ login, password }) {
    const body = { login, password, deviceToken: this.devices.find(login) };
    return this.tokens.accept(this.#known(await this.rest.request('POST', '/auth/login', { body, anonymous: true })));
  }

  /** Have a link sent that makes a device known, if there is such an account. @param {string} login the username or the email */
  requestLoginLink(login) {
    return this.rest.request('POST', '/auth/login-link', { body: { login }, anonymous: true });
  }

  /** Make this device known with the token of such a link; then sign in. @returns {Promise<{username: string}>} */
  async confirmDevice(token) {
    const { deviceToken, ...account } = await this.rest.request('POST', '/auth/login-link/confirm', { body: { token }, anonymous: true });
    this.devices.learn({ ...account, token: deviceToken });
    return account;
  }

  async logout() {
    const refreshToken = this.tokens.login?.refreshToken;
    this.tokens.clear();
    if (!refreshToken) return;
    await this.rest.request('POST', '/auth/logout', { body: { refreshToken }, anonymous: true }).catch(() => {});
  }

  /** End all logins of the signed-in person, this one too. */
  async logoutAll() {
    await this.rest.request('POST', '/auth/logout-all');
    this.tokens.clear();
  }

  /** Where one is signed in. @returns {Promise<{items: import('./types.js').Login[], nextCursor: string | null}>} */
  logins(query = {}) {
    return this.rest.request('GET', '/auth/logins', { query });
  }

  endLogin(id) {
    return this.rest.request('DELETE', `/auth/logins/${seg(id)}`);
  }

  /** The devices that the account knows. @returns {Promise<{items: import('./types.js').Device[], nextCursor: string | null}>} */
  knownDevices(query = {}) {
    return this.rest.request('GET', '/auth/devices', { query });
  }

  /** Its logins end, too. */
  forgetDevice(id) {
    return this.rest.request('DELETE', `/auth/devices/${seg(id)}`);
  }

  /** Ends all other logins; this one goes on. */
  changePassword({ currentPassword, newPassword }) {
    return this.rest.request('POST', '/auth/password', { body: { currentPassword, newPassword } });
  }

  /** Where addresses are confirmed, the new one is the account's `pendingEmail` until then. @returns {Promise<object>} the account */
  async changeEmail({ password, email }) {
    const user = await this.rest.request('POST', '/auth/email', { body: { password, email } });
    this.tokens.learn(user);
    return user;
  }

  /** Have another link sent that confirms the address. */
  resendVerification() {
    return this.rest.request('POST', '/auth/email/resend');
  }

  /** Confirm an address with the token of such a link; signs in here and ends all other logins of the account. */
  async verifyEmail({ token, password }) {
    const body = { token, password };
    return this.tokens.accept(this.#known(await this.rest.request('POST', '/auth/email/verify', { body, anonymous: true })));
  }

  /** Have a link for a new password sent, if there is such a person. @param {string} login the username or the email */
  requestPasswordReset(login) {
    return this.rest.request('POST', '/auth/password-reset', { body: { login }, anonymous: true });
  }

  /** Set a new password with the token of such a link. All logins end, one that is kept here of that person too. */
  resetPassword({ token, password }) {
    return this.rest.request('POST', '/auth/password-reset/confirm', { body: { token, password }, anonymous: true });
  }

  async me() {
    const user = await this.rest.request('GET', '/auth/me');
    this.tokens.learn(user);
    return user;
  }

  /** @returns {Promise<{items: import('./types.js').SessionDocument[], nextCursor: string | null}>} */
  sessions(kind, query = {}) {
    return this.rest.request('GET', `/${kind}-sessions`, { query });
  }

  session(kind, id) {
    return this.rest.request('GET', `/${kind}-sessions/${seg(id)}`);
  }

  createSession(kind, body) {
    return this.rest.request('POST', `/${kind}-sessions`, { body });
  }

  updateSession(kind, id, body) {
    return this.rest.request('PATCH', `/${kind}-sessions/${seg(id)}`, { body });
  }

  deleteSession(kind, id) {
    return this.rest.request('DELETE', `/${kind}-sessions/${seg(id)}`);
  }

  startSession(kind, id) {
    return this.rest.request('POST', `/${kind}-sessions/${seg(id)}/start`);
  }

  endSession(kind, id) {
    return this.rest.request('POST', `/${kind}-sessions/${seg(id)}/end`);
  }

  participants(kind, id, query = {}) {
    return this.rest.request('GET', `/${kind}-sessions/${seg(id)}/participants`, { query });
  }

  messages(kind, id, query = {}) {
    return this.rest.request('GET', `/${kind}-sessions/${seg(id)}/messages`, { query });
  }

  /** Those that one may play, of all sessions, the latest first. */
  ownRecordings(query = {}) {
    return this.rest.request('GET', '/recordings', { query });
  }

  recordings(kind, id, query = {}) {
    return this.rest.request('GET', `/${kind}-sessions/${seg(id)}/recordings`, { query });
  }

  recording(id) {
    return this.rest.request('GET', `/recordings/${seg(id)}`);
  }

  deleteRecording(id) {
    return this.rest.request('DELETE', `/recordings/${seg(id)}`);
  }

  /** Join a running session; see `Session`. */
  async join(kind, sessionId) {
    const session = new Session({ url: this.url, token: this.token });
    await session.join({ kind, sessionId });
    return session;
  }

  /**
   * A fresh signed link to the same file, for one that has expired or was refused.
   * @param {string} url @returns {Promise<string | null>} null: the file is not there any more, or the link is no signed one
   */
  async freshLink(url) {
    const link = parseLink(url, this.url);
    if (!link) return null;
    return linkIn(await this.rest.request('GET', `/${link.collection}/${seg(link.id)}`), link.path, this.url);
  }

  /**
   * @param {Blob} file
   * @param {{name?: string, onProgress?: (fraction: number) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<import('./types.js').Upload>}
   */
  async upload(file, { name = file.name ?? 'file', onProgress, signal } = {}) {
    const token = await this.token();
    const form = new FormData();
    form.append('file', file, name);
    // XMLHttpRequest, because fetch tells nothing about the progress of a request body.
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('POST', this.rest.href('/uploads'));
      request.setRequestHeader('Authorization', `Bearer ${token}`);
      request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
      request.onerror = () => reject(new SdkError('offline', 'The upload was interrupted. Check your network connection.'));
      request.onabort = () => reject(new SdkError('aborted', 'Cancelled.'));
      request.onload = () => {
        try {
          resolve(parseAnswer(request.status, request.responseText, request.getResponseHeader('Retry-After')));
        } catch (error) {
          reject(error);
        }
      };
      signal?.addEventListener('abort', () => request.abort(), { once: true });
      request.send(form);
    });
  }

  /** Keep what an answer with tokens says about this device. */
  #known(signedIn) {
    const { user, deviceToken } = signedIn;
    this.devices.learn({ userId: user.id, username: user.username, email: user.email, token: deviceToken });
    return signedIn;
  }

  #changed(user) {
    if (this.lively && this.lively.userId !== user?.id) {
      this.lively.live.close();
      this.lively = null;
    }
    this.emit('user', user);
  }
}
