export const LONGEST_DELAY = 300_000

/** Full jitter between `least` and a ceiling that doubles: many clients that lost one server do not come back as one. */
export class Backoff {
  failures = 0

  /** @param {() => number} random  @param {number} [least]  @param {number} [most] */
  constructor(random, least = 500, most = 20_000) {
    this.random = random
    this.least = least
    this.most = most
  }

  /** @param {unknown} [retryAfterMs] the server's wish wins; spread upwards only, for it told everybody the same number @returns {number} */
  next(retryAfterMs) {
    this.failures++
    if (typeof retryAfterMs === 'number' && retryAfterMs >= 0) {
      // A wish of 0 that is repeated again and again would be a loop as fast as the network.
      const asked = Math.min(Math.max(retryAfterMs, this.failures > 3 ? this.least : 0), LONGEST_DELAY)
      return asked + this.random() * Math.min(asked / 2, 5000)
    }
    const ceiling = Math.min(this.most, this.least * 2 ** Math.min(this.failures, 16))
    return this.least + this.random() * (ceiling - this.least)
  }

  reset() { this.failures = 0 }
}
