/**
 * What became of a passage and its neighbours, word by word, has the last say: where nothing was found, where that is
 * somewhere else, and on a short quote, which stands in many places. In pieces.
 */

/** @import { Candidate } from './accepted.js' */
/** @import { Quote } from './exact.js' */
/** @import { Expected } from './expected.js' */
/** @import { Haystack } from './haystack.js' */
import { KNOWN, PIECEMEAL } from './accepted.js'
import { kept } from './alignment.js'
import { astray } from './expected.js'
import { worth } from './surviving.js'
import { sided, telling } from './verbatim.js'

/** How far around the expected place it is looked for, in units. */
const REACH = 8192
/** A quote that says less than this is no more than a word or two. */
const WORD = 14
/** Of the neighbours of a word or two that must be left on each side, where nothing but them tells its place; and where it should be. */
const NEIGHBOURS = 0.85
const NEIGHBOURS_HERE = 0.6
/** By as much as the next best place weighs less, fewer of them do, near where it should be, in units. */
const NEIGHBOURS_AND_APART = 1.3
const APART_WEIGHS = 100
const NEAR = 100
/** How near one must be that is known by what stands unchanged on one side of it, or that hardly has neighbours. */
const TOLD = 60
/** Of a passage that must be left, in weight, to be called the same one: about half, as a person would say. */
const LEFT = 0.45
/** Of one that needs no neighbours, for it is where it should be. */
const MOSTLY = 0.7
/** What a passage and its neighbours must weigh together, as far as they are left: five or six words. */
const ENOUGH = 30
/** What must be left of the neighbours on one side, in weight: two words. What stands among strangers is a lookalike. */
const NEARBY = 10
/** And of a short quote of which words were changed: four words. */
const NEARBY_CHANGED = 20
/** And of a long passage near where it should be: one word. */
const NEARBY_THERE = 3
/** Of one that was written anew between neighbours that are left: of it, of them in weight (six words), and of those right beside it. */
const LEFT_BETWEEN = 0.25
const NEARBY_BETWEEN = 30
const BESIDE_BETWEEN = 0.4
/** What must be left of the neighbours of a word or two that are left for the most part, where they should be: nine words. */
const NEARBY_WORD = 48
/** How much may be put into a passage besides twice its own length: a sentence or two. */
export const PUT_IN = 200
/** By how much the next best place must weigh less: three words, which no lookalike has not; or two, to doubt another place. */
const APART = 15
const DOUBT = 10
/** Of what stands around a changed one, so that it need not be better than another: nearly all. */
const AMONG_ALL = 0.9
/** What two places weigh that are as good as each other: nine words or so, and hardly one that only one of them has. */
const GOOD = 50
const AS_GOOD = 3
/** How far a place may be from where it should be, to be there, in units: one that is as it was, or of which a word was changed; and one that was edited. */
const THERE = 8
const HERE = 24
/** Of a passage and its neighbours, times what they are compared with to each side: whoever wrote an anchor decides how long it is. */
const MOST_COMPARED = 1 << 22

/**
 * @param {Haystack} haystack  @param {Candidate | undefined} found  @param {Quote} quote  @param {Expected} expected
 * @param {number} near  @param {number} least not before this
 * @returns {Generator<void, Candidate | undefined>}
 */
export function* settled(haystack, found, quote, expected, near, least) {
  const { plain: folded, text } = haystack, { raw, exact, beside: [prefix, suffix] } = quote, words = { prefix, exact: raw, suffix }, says = worth(exact)
  const reach = Math.min(REACH, Math.floor(MOST_COMPARED / (prefix.length + raw.length + suffix.length)))
  const low = Math.max(least, near - reach), high = Math.min(folded.length, near + reach)
  if (low >= high) return found
  const { start: from, end: to } = haystack.real(low, high)
  const left = yield* kept(words, text.slice(from, to))
  const doubted = found && found.start >= low && found.end <= high && says < KNOWN
  if (!left) return doubted ? undefined : found
  const start = haystack.at(from + left.start), end = haystack.at(from + left.end - 1) + 1, away = astray(expected, start), here = away <= HERE
  if (found) {
    // Where none of its words is left, it may be in others between its neighbours, which say so on both sides.
    const place = haystack.real(found.start, found.end), within = left.share || left.beside ? left : { start: 0, end: 0 }
    if (place.start < from + within.end && from + within.start < place.end) return found
    if (found.quote === 1 && sided(folded, found, quote) && !sided(folded, { start, end }, quote)) return found
    if ((found.quote === 1 || found.context >= AMONG_ALL) && astray(expected, found.start) < Math.min(THERE, away)) {
      // Where it should be, a place need not be better than another one.
      const base = Math.max(0, place.start - prefix.length), own = yield* kept(words, text.slice(base, place.end + suffix.length))
      if (own && (found.quote < 1 || base + own.start === place.start) && own.score >= GOOD && own.score >= left.score - AS_GOOD) return found
    }
  }
  const whole = folded.slice(start, end) === exact, brief = says < KNOWN
  const between = !!prefix && !!suffix && left.share >= LEFT_BETWEEN && left.nearby >= NEARBY_BETWEEN && left.beside >= BESIDE_BETWEEN && away <= TOLD
  const strong = between || left.share >= LEFT && left.score >= ENOUGH && (left.nearby >= (brief && !whole ? NEARBY_CHANGED : NEARBY) || here && left.share >= MOSTLY || !brief && left.nearby >= NEARBY_THERE && away <= TOLD)
  const apart = strong ? left.score - (yield* left.rival()) : 0
  // A short quote that went farther than that is not told from one that is like it.
  if (apart >= APART && end - start <= 3 * exact.length + PUT_IN && (!brief || away <= NEAR)) {
    if (says >= WORD || here && left.share >= MOSTLY && left.nearby >= NEARBY_WORD || left.beside >= NEIGHBOURS_HERE && (here || left.beside >= NEIGHBOURS) || left.beside + apart / APART_WEIGHS >= NEIGHBOURS_AND_APART || !found && away <= (whole ? TOLD : THERE) && telling(folded, { start, end }, quote)) {
      return { start, end, quote: whole ? 1 : PIECEMEAL * left.share, context: left.beside, position: 1, score: 1 }
    }
  }
  return doubted && !(apart >= DOUBT && says >= WORD) ? undefined : found
}
