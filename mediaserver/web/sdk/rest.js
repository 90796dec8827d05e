/** One REST request: JSON in and out, the token put on and renewed once when refused, problems as `SdkError`. */
import { SdkError } from './errors.js';

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
   * @param {{body?: object, query?: object, anonymous?: boolean, signal?: AbortSignal}} [options]
   */
  async request(method, path, { body, query, anonymous = false, signal } = {}) {
    const send = async (token) => this.#fetch(this.href(path, query), {
      method,
      signal,
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const token = anonymous || !this.token ? null : await this.token();
    let response = await send(token);
    if (response.status === 401 && token) response = await send(await this.token({ refused: token }));
    return readAnswer(response);
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
  const text = await response.text();
  return parseAnswer(response.status, text, response.headers.get('Retry-After'));
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
