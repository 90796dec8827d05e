/**
 * Runs one asynchronous job at a time and coalesces requests: however often `run` is called while the job is under way,
 * it runs once more afterwards. The promise of a `run` settles when a job that began after the call has ended.
 */
export class Serial {
  /** @param {() => Promise<void>} job */
  constructor(job) {
    this.job = job;
    this.current = null;
    this.following = null;
  }

  run() {
    if (!this.current) {
      this.current = this.#start();
      return this.current;
    }
    this.following ??= this.current.catch(() => {}).then(() => {
      this.following = null;
      this.current = this.#start();
      return this.current;
    });
    return this.following;
  }

  async #start() {
    try {
      await this.job();
    } finally {
      if (!this.following) this.current = null;
    }
  }
}
