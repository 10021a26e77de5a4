/** How many frames may leave in a time: a server closes a connection that sends too many, whichever pages they are for. */

/** @import { Environment } from '../typed/types.js' */
import { Timer } from './browser.js'

export class Pace {
  /** When the last ones left. @type {number[]} */
  #departures = []
  /** @type {Set<() => void>} */
  #waiting = new Set()

  /** @param {Environment} env  @param {number} most  @param {number} ms in any time of this length */
  constructor(env, most, ms) {
    this.env = env
    this.most = most
    this.ms = ms
    this.timer = new Timer(env)
  }

  /** Whether one more may leave now, which is then counted. Where not, `again` is called when one may. @param {() => void} again */
  take(again) {
    const now = this.env.now()
    this.#departures = this.#departures.filter(at => at > now - this.ms)
    if (this.#departures.length < this.most) return this.#departures.push(now) > 0
    this.#waiting.add(again)
    if (!this.timer.set) this.timer.start(this.#departures[0] + this.ms - now, () => this.#wake())
    return false
  }

  #wake() {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const again of waiting) again()
  }

  /** Another connection is another count. */
  reset() {
    this.timer.stop()
    this.#waiting.clear()
    this.#departures = []
  }
}
