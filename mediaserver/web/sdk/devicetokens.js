/**
 * Keeps the device tokens of the accounts that signed in here: with them the server knows this device again, so that
 * the wrong passwords of strangers do not delay it. Signing out keeps them.
 */
const KEY = 'mediaserver.devices';
const MOST = 20;

const folded = (name) => String(name ?? '').trim().toLowerCase();

export class DeviceTokens {
  /** @param {Storage | null} [storage] null: they are kept in memory only */
  constructor(storage = null) {
    this.storage = storage;
    /** @type {{userId: string, names: string[], token: string}[]} the account that was used last is the last one */
    this.kept = [];
  }

  /** @returns {string | undefined} the token of the account with this username or email */
  find(login) {
    return this.#load().find(({ names }) => names.includes(folded(login)))?.token;
  }

  /** Take over what the server said about an account; without a `token` only its names may be new. */
  learn({ userId, username, email, token = null }) {
    const kept = this.#load();
    const known = kept.find((each) => each.userId === userId);
    if (!known && !token) return;
    const names = [username, email].filter(Boolean).map(folded);
    this.kept = [...kept.filter((each) => each !== known), { userId, names, token: token ?? known.token }].slice(-MOST);
    try {
      this.storage?.setItem(KEY, JSON.stringify(this.kept));
    } catch { /* the storage is full or blocked: kept in memory */ }
  }

  #load() {
    try {
      const stored = JSON.parse(this.storage?.getItem(KEY) ?? 'null');
      if (Array.isArray(stored)) this.kept = stored;
    } catch { /* broken or blocked: what is in memory counts */ }
    return this.kept;
  }
}
