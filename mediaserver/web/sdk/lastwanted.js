/**
 * An on/off switch (or any other value) that lives on the server: every change counts, however fast they follow each other.
 * One request is under way at a time; changes that arrive meanwhile replace each other, and the newest is sent next.
 * Invariant: while `busy`, `value` is what the person wants; otherwise it is what is known to be true.
 */
export class LastWanted {
  #wanted = null;
  #running = null;

  /**
   * @param {{current: () => any, send: (value: any) => Promise<any>, changed?: () => void, failed?: (error: Error) => void}} options
   *   `current` returns the value that is known to be true, and returns the new one once `send` has resolved. `send` has to be
   *   idempotent: after a failure nobody knows what reached the server, so the next wish is sent even if it looks true already.
   *   `changed` is called when `value` or `busy` may have changed, `failed` when the newest wish could not be sent.
   */
  constructor({ current, send, changed = () => {}, failed = () => {} }) {
    Object.assign(this, { current, send, changed, failed });
  }

  get busy() {
    return this.#running !== null;
  }

  /** What to show: the newest wish while it is being sent, else what is true. */
  get value() {
    return this.busy ? this.#wanted : this.current();
  }

  /** Ask for a value. The first `send` begins within this call. @returns {Promise<void>} resolves when nothing is left to send */
  want(value) {
    this.#wanted = value;
    if (this.busy) this.changed();
    else this.#start();
    return this.#running ?? Promise.resolve();
  }

  /** Ask for the opposite of what is shown. */
  toggle() {
    return this.want(!this.value);
  }

  #start() {
    let done = () => {};
    this.#running = new Promise((resolve) => { done = resolve; });
    this.#run().then(done);
    this.changed();
  }

  async #run() {
    let sent = this.current();
    let failure = null;
    while (sent !== this.#wanted) {
      sent = this.#wanted;
      failure = await this.#try(sent);
    }
    this.#running = null;
    this.changed();
    if (failure) this.failed(failure);
  }

  /** @returns {Promise<Error | null>} */
  async #try(value) {
    try {
      await this.send(value);
      return null;
    } catch (error) {
      return error;
    }
  }
}
