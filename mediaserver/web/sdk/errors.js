/** The one error of the SDK: `code` is for programs, `message` a sentence for people. */
export class SdkError extends Error {
  /**
   * @param {string} code the server's code, or one of `offline`, `timeout`, `disconnected`, `aborted`
   * @param {string} message
   * @param {{status?: number, errors?: {loc: string, msg: string}[], retryAfterS?: number}} [more]
   */
  constructor(code, message, more = {}) {
    super(message);
    this.name = 'SdkError';
    this.code = code;
    this.status = more.status ?? 0;
    this.errors = more.errors ?? [];
    this.retryAfterS = more.retryAfterS ?? 0;
  }
}

/** Codes after which the very same request may succeed a moment later. */
const PASSING = new Set(['disconnected', 'timeout', 'offline', 'too_many', 'too_many_connections', 'unavailable',
  'media_unavailable', 'store_unavailable', 'busy', 'starting', 'internal']);

export const isPassing = (error) => error instanceof SdkError && (PASSING.has(error.code) || error.status >= 502);

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
