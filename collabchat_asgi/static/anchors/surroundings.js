/** What stands around a quote, and how like it is to what stands around a place. Pure. */

/** @import { Quote } from './exact.js' */
import { Pattern, backwards } from './search.js'

/** Of the words around a passage that show where it ends. */
const EDGE = 24
/** Of what is compared beyond the length of a side: as much may have been put in. */
const PUT_IN = 16
/** What an edge of the text counts that is no longer one. */
const NO_EDGE = 0.4
/** Of two sides the better one counts more: an edit stands on one side of most places. */
const BETTER = 0.6

/** What stands around a quote, ready to be compared. */
export class Surroundings {
  /** @param {Quote} quote */
  constructor({ prefix, suffix }) {
    this.prefix = prefix
    this.suffix = suffix
    this.before = prefix ? new Pattern(backwards(prefix)) : undefined
    this.after = suffix ? new Pattern(suffix) : undefined
    this.last = prefix ? new Pattern(prefix.slice(-EDGE)) : undefined
    this.first = suffix ? new Pattern(backwards(suffix.slice(0, EDGE))) : undefined
  }

  /** Nothing is known of them: what is only alike could be anything. */
  get unknown() { return this.prefix === undefined && this.suffix === undefined }

  /** Where the words before and behind it say that it begins and ends, near where it seems to. @param {string} text  @param {number} start  @param {number} end */
  bounds(text, start, end) {
    const near = (/** @type {Pattern} */ pattern, /** @type {string} */ window, /** @type {number} */ seems) => {
      const errors = pattern.distances(window, false)
      let best = seems
      for (let at = 1; at < errors.length; at++) if (errors[at] < errors[best] || errors[at] === errors[best] && Math.abs(at - seems) < Math.abs(best - seems)) best = at
      return errors[best] <= pattern.text.length / 4 ? best - seems : 0
    }
    const from = Math.max(0, start - 2 * EDGE), to = Math.min(text.length, end + 2 * EDGE)
    return {
      start: this.last ? start + near(this.last, text.slice(from, Math.min(end, start + EDGE)), start - from) : start,
      end: this.first ? end - near(this.first, backwards(text.slice(Math.max(start, end - EDGE), to)), to - end) : end,
    }
  }

  /**
   * From 0 to 1, counted from the boundary outward: what stands 20 characters away is no match. An empty side means the edge
   * of the text, and is no evidence by itself.
   * @param {string} text  @param {number} start  @param {number} end
   */
  likeness(text, start, end) {
    /** @type {number[]} */
    const sides = []
    let doubt = 1
    const one = (/** @type {Pattern} */ pattern, /** @type {string} */ found) => Math.max(0, 1 - pattern.least(found) / pattern.text.length)
    if (this.before) sides.push(one(this.before, backwards(text.slice(Math.max(0, start - this.before.text.length - PUT_IN), start))))
    else if (this.prefix === '' && start > 0) doubt = NO_EDGE
    if (this.after) sides.push(one(this.after, text.slice(end, end + this.after.text.length + PUT_IN)))
    else if (this.suffix === '' && end < text.length) doubt = NO_EDGE
    if (!sides.length) return doubt === 1 ? 1 : 0
    return (BETTER * Math.max(...sides) + (1 - BETTER) * Math.min(...sides)) * doubt
  }
}
