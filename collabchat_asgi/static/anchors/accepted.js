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

/** Of what stands on both sides, for a short quote of the same words: where its neighbours say that it is, and where they say that it is not. */
const AT_ITS_PLACE = 0.4
const AWAY_FROM_IT = 0.8
/** A word that was changed is not known by what is left of it, but by all that stands around it. */
const WORD = 12
const WORD_LEFT = 0.7
const WORD_AROUND = 0.9
/** What must be left of the words, and of what stood around them: less of the one where there is more of the other. For a short quote, or one that is not at its place, more of what is around. @type {readonly {quote: number, context: number, doubtful: number}[]} */
const CHANGED = [{ quote: 0.75, context: 0.35, doubtful: 0.5 }, { quote: 0.6, context: 0.45, doubtful: 0.5 }, { quote: 0.5, context: 0.7, doubtful: 0.7 }, { quote: 0.3, context: 0.9, doubtful: 0.9 }]
/** Of changed words at their place. */
const CHANGED_THERE = { quote: 0.5, context: 0.4 }
/** From 0 to 1, how near to where it should be is there, and how far is away. */
const THERE = 0.9
const AWAY = 0.3

/** @param {Candidate} candidate  @param {Quote} quote  @param {Expected} expected */
export function accepted({ quote, context, position }, { exact }, { sure }) {
  // Known neighbours say that it is here, or that it would have to have moved away from them.
  const there = sure && position > THERE, away = sure && position < AWAY, short = worth(exact) < KNOWN
  if (quote === 1) return context >= (!short ? TRACE : there ? AT_ITS_PLACE : away ? AWAY_FROM_IT : AMONG_ITS_OWN)
  if (worth(exact) < WORD && quote < WORD_LEFT && context < WORD_AROUND) return false
  if (there && quote >= CHANGED_THERE.quote && context >= CHANGED_THERE.context) return true
  return CHANGED.some(least => quote >= least.quote && context >= (short || away ? least.doubtful : least.context))
}
