/** When there is good reason to say that a place is that of a passage. Pure. */

/** @import { Quote } from './exact.js' */
/** @import { Expected } from './expected.js' */
import { worth } from './surviving.js'

/** @typedef {{start: number, end: number, quote: number, context: number, position: number, score: number}} Candidate */

/** A quote that says as much is known by its own words; one that says less stands in many places, and is known by its neighbours. */
export const KNOWN = 20
/** The same words, with as much of what stood around them: most of it on one side, and some on the other. */
export const AMONG_ITS_OWN = 0.6
/** Two texts of one language are as alike by chance: less is none of what stood there. */
export const TRACE = 0.25

/** What counts a passage that is left in pieces: less than one that is whole, however much of it is left. */
export const PIECEMEAL = 0.9

/** @param {Candidate} candidate  @param {Quote} quote  @param {Expected} expected */
export function accepted({ quote, context, position }, { exact }, { sure }) {
  // Known neighbours say that it is here, or that it would have to have moved away from them.
  const there = sure && position > 0.9, away = sure && position < 0.3, short = worth(exact) < KNOWN
  if (quote === 1) return context >= (!short ? TRACE : there ? 0.4 : away ? 0.8 : AMONG_ITS_OWN)
  if (exact.length < 12 && quote < 0.7 && context < 0.9) return false
  if (there && quote >= 0.5 && context >= 0.4) return true
  return quote >= 0.6 && context >= (short || away ? 0.5 : 0.45) || quote >= 0.75 && context >= (short || away ? 0.5 : 0.35) || quote >= 0.5 && context >= 0.7
}
