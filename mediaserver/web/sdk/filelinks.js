/** Signed links to files: they expire, and end with the login; a fresh one is read from the document that shows the file. */

/** @param {string} url @returns {{collection: string, id: string, path: string, expiresMs: number, renewable: boolean} | null} null: no link to a file */
export function parseLink(url, base = globalThis.location?.href) {
  const { pathname, searchParams } = new URL(url, base);
  const found = /^\/files\/(uploads|recordings)\/([^/]+)\//.exec(pathname);
  if (!found || !searchParams.has('signature')) return null;
  return { collection: found[1], id: found[2], path: pathname, expiresMs: Number(searchParams.get('expires')) * 1000, renewable: searchParams.has('login') };
}

/** Whether nothing can be started with this link any more; playback that was started goes on beyond that. */
export const hasExpired = (link, nowMs = Date.now()) => link.expiresMs <= nowMs;

const FIELDS = ['url', 'videoFileUrl'];

/** @param {any} document an upload or a recording as the server describes it @returns {string | null} its link to the same file */
export function linkIn(document, path, base = globalThis.location?.href) {
  for (const [name, value] of Object.entries(document ?? {})) {
    if (FIELDS.includes(name) && typeof value === 'string' && parseLink(value, base)?.path === path) return value;
    const found = value !== null && typeof value === 'object' ? linkIn(value, path, base) : null;
    if (found) return found;
  }
  return null;
}
