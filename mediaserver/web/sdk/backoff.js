/** Growing delays with jitter, pure: `random` is passed in so that tests can fix it. */
export class Backoff {
  constructor({ firstMs = 400, maxMs = 5000, random = Math.random } = {}) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
    this.random = random;
    this.attempt = 0;
  }

  /** The next delay in ms: doubling, between half and the whole of its step, so that many clients spread out. */
  next() {
    const step = Math.min(this.maxMs, this.firstMs * 2 ** this.attempt);
    this.attempt += 1;
    return Math.round(step * (0.5 + this.random() / 2));
  }

  reset() {
    this.attempt = 0;
  }
}
