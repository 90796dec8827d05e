/** One REST request: JSON in and out, the token put on and renewed once when refused, problems as `SdkError`. */
import { SdkError } from './errors.js';

/** With which `ETag` each document came, for edits that must not overwrite those of others. */
const tags = new WeakMap();

export class Rest {
  /** @param {{url: string, token?: ((options?: {refused?: string}) => Promise<string>) | null}} options */
  constructor({ url, token = null }) {
    this.base = new URL('/api/v1', url).href;
    this.token = token;
  }

  href(path, query = {}) {
    const url = new URL(this.base + path);
    for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null) url.searchParams.set(name, value);
    return url.href;
  }

  /**
   * @param {string} method
   * @param {string} path below `/api/v1`
   * @param {{body?: object, query?: object, anonymous?: boolean, signal?: AbortSignal, ifMatch?: object | null, key?: string}} [options]
   *   `ifMatch`: the document as it was read; if somebody edited it since, nothing happens (`changed`); `key`: a POST with the same
   *   one is carried out once, so that it may be sent again when its answer was lost
   */
  async request(method, path, options = {}) {
    return readAnswer(await this.#send(method, path, options));
  }

  /** @returns {Promise<{blob: Blob, name: string}>} a file of the server's, with the name that it suggests */
  async download(path, options = {}) {
    const response = await this.#send('GET', path, options);
    if (!response.ok) await readAnswer(response);
    try {
      return { blob: await response.blob(), name: suggestedName(response.headers.get('Content-Disposition')) };
    } catch {
      throw new SdkError('offline', 'The download was interrupted. Try again.');
    }
  }

  async #send(method, path, { body, query, anonymous = false, signal, ifMatch = null, key }) {
    const send = async (token) => this.#fetch(this.href(path, query), {
      method,
      signal,
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(key ? { 'Idempotency-Key': key } : {}),
        ...(tags.has(ifMatch) ? { 'If-Match': tags.get(ifMatch) } : {}),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const token = anonymous || !this.token ? null : await this.token();
    const response = await send(token);
    return response.status === 401 && token ? send(await this.token({ refused: token })) : response;
  }

  async #fetch(href, options) {
    try {
      return await fetch(href, options);
    } catch (error) {
      if (error.name === 'AbortError') throw new SdkError('aborted', 'Cancelled.');
      throw new SdkError('offline', 'The server cannot be reached. Check your network connection.');
    }
  }
}

export async function readAnswer(response) {
  if (response.status === 204) return null;
  const answer = parseAnswer(response.status, await response.text(), response.headers.get('Retry-After'));
  const tag = response.headers.get('ETag');
  if (tag && answer !== null && typeof answer === 'object') tags.set(answer, tag);
  return answer;
}

/** @returns {any} the parsed body; throws what the problem document says */
export function parseAnswer(status, text, retryAfter = null) {
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    body = null;
  }
  if (status >= 200 && status < 300) return body;
  const more = { status, errors: body?.errors ?? [], retryAfterS: Number(retryAfter) || 0 };
  throw new SdkError(body?.code ?? `http_${status}`, body?.detail ?? `The server answered with status ${status}.`, more);
}

/** RFC 6266, as this server writes it. */
function suggestedName(disposition) {
  const found = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '');
  try {
    return found ? decodeURIComponent(found[1]) : 'download';
  } catch {
    return 'download';
  }
}
