/** @import { Environment, Refusal, Status, StatusEvent } from '../typed/types.js' */
import { Timer } from './browser.js'

/** Trouble shorter than this is nothing a reader must be told. */
const NOTICE_AFTER = 5000

/** Whether nobody is known here any more. @param {Refusal | undefined} reason */
export const signedOut = reason => reason?.code === '4401' || reason?.code === '4403'

/** What a reader is told of a connection or a page. */
export class StatusLine {
  /** @type {StatusEvent} */
  value = Object.freeze({ status: 'connecting' })
  #wasLive = false

  /** @param {Environment} env  @param {(value: StatusEvent) => void} changed */
  constructor(env, changed) {
    this.changed = changed
    this.timer = new Timer(env)
  }

  /** @param {boolean} live */
  set(live) {
    if (live) this.#wasLive = true
    const down = this.value.status !== 'live' && this.value.status !== 'refused'
    if (!live && down && (this.timer.set || this.value.status === 'offline')) return
    this.#become(live ? 'live' : this.#wasLive ? 'reconnecting' : 'connecting')
    // A listener may have ended it.
    if (!live && this.value.status !== 'closed') this.timer.start(NOTICE_AFTER, () => this.#become('offline'))
  }

  /** @param {Refusal} reason */
  refuse(reason) { this.#become('refused', reason) }

  close() { this.#become('closed') }

  /** @param {Status} status  @param {Refusal} [reason] */
  #become(status, reason) {
    this.timer.stop()
    if (this.value.status === 'closed' || (this.value.status === status && !reason)) return
    this.value = Object.freeze({ status, ...reason && { reason } })
    this.changed(this.value)
  }
}
