/**
 * What became of a passage, word by word, and of the words around it: the alignment of both with what stands there now, as
 * a comparison of two versions shows it. So a passage is found of which words were cut, or into which others were put, and
 * a lookalike is told from it by its neighbours. Pure, and in pieces.
 */
import { fold } from './haystack.js'
import { UNSPACED } from './scripts.js'
import { worth } from './surviving.js'

/** Each character of a script without blanks; a word; each mark. */
const TOKEN = new RegExp(`[${UNSPACED}]|(?:[\\p{L}\\p{N}\\p{M}](?<![${UNSPACED}]))+|[^\\s]`, 'gu')
const LETTER = /[\p{L}\p{N}]/u

/** A word weighs its letters, and a long one no more than these: it is one word. */
const MOST = 12
/** Marks are everywhere. */
const MARK_WEIGHT = 0.5
/** Of a gap: a common short word that stands alone among others is no more than chance. */
const GAP = 2
/** Of each word in a gap: what was put in, and what was cut. Passages grow, so that much may be put in. */
const PUT_IN = 0.06
const CUT = 0.15
/** Words that may be put between a passage and its neighbours, so that they are still beside each other: two sentences. */
const BESIDE = 24
/** Pairs of words that are compared in one piece of work: little, before an engine knows how often this is done. */
const PIECE = 8192

/** @typedef {{word: string, start: number, end: number, weight: number}} Token */

/** Of marks, which are few: quotes and dashes in another form are the same. @type {Map<string, string>} */
const marks = new Map()

/** @param {string} word */
function alike(word) {
  if (LETTER.test(word)) return word
  const known = marks.get(word) ?? fold(word)
  if (marks.size < 256) marks.set(word, known)
  return known
}

/** @param {string} text  @returns {Token[]} */
export const tokens = text => [...text.matchAll(TOKEN)].map(({ 0: word, index }) => ({
  word: alike(word), start: index, end: index + word.length, weight: LETTER.test(word) ? Math.min(MOST, worth(word)) : MARK_WEIGHT,
}))

/** How a best score comes about, in two bits; and whether a gap that ends here is longer than one word. */
const SAME = 1, IN = 2, OUT = 3, LONGER_IN = 4, LONGER_OUT = 8

/** The best local alignment, with gaps that cost by being there more than by their length (Smith and Waterman's, in Gotoh's form). */
class Table {
  score = 0
  #end = 0
  #ways
  #out
  #above
  #row

  /** @param {Token[]} old  @param {Int32Array} before  @param {Int32Array} after  numbers of words; 0 for one that `old` has not */
  constructor(old, before, after) {
    this.weights = Float32Array.from(old, each => each.weight)
    this.before = before
    this.after = after
    this.width = after.length + 1
    this.#ways = new Uint8Array((before.length + 1) * this.width)
    this.#out = new Float32Array(this.width).fill(-Infinity)
    this.#above = new Float32Array(this.width)
    this.#row = new Float32Array(this.width)
  }

  /** @returns {Generator<void, this>} */
  *filled() {
    for (let i = 1, done = 0; i <= this.before.length; i++) {
      this.#fill(i)
      if ((done += this.width) < PIECE) continue
      done = 0
      yield
    }
    return this
  }

  /** @param {number} i */
  #fill(i) {
    const ways = this.#ways, out = this.#out, above = this.#above, row = this.#row, { after, width } = this
    const word = this.before[i - 1], weight = this.weights[i - 1]
    let put = -Infinity, { score } = this
    for (let j = 1; j < width; j++) {
      let way = 0, most = 0
      if (put > row[j - 1] - GAP) way |= LONGER_IN
      else put = row[j - 1] - GAP
      put -= PUT_IN
      let cut = out[j]
      if (cut > above[j] - GAP) way |= LONGER_OUT
      else cut = above[j] - GAP
      out[j] = cut -= CUT
      if (word === after[j - 1]) {
        most = above[j - 1] + weight
        way |= SAME
      }
      if (put > most) {
        most = put
        way = way & ~3 | IN
      }
      if (cut > most) {
        most = cut
        way = way & ~3 | OUT
      }
      row[j] = most
      ways[i * width + j] = way
      if (most > score) {
        score = most
        this.#end = i * width + j
      }
    }
    this.score = score
    this.#above = row
    this.#row = above
  }

  /** Which of `after` each of `before` became; -1 for none. */
  became() {
    const { width } = this, became = new Int32Array(this.before.length).fill(-1)
    for (let at = this.#end, gap = 0; at >= width && at % width;) {
      const way = this.#ways[at]
      gap ||= way & 3
      if (!gap) break
      if (gap === SAME) {
        became[Math.floor(at / width) - 1] = at % width - 1
        at -= width + 1
        gap = 0
      } else {
        at -= gap === IN ? 1 : width
        if (!(way & (gap === IN ? LONGER_IN : LONGER_OUT))) gap = 0
      }
    }
    return became
  }
}

/**
 * @typedef {object} Kept of a passage and of its neighbours, in weights
 * @property {number} start  @property {number} end  from the first of its words that is left to the last; where none is, what is between its neighbours
 * @property {number} share of its own words that is left, from 0 to 1
 * @property {number} beside the share that is left of its neighbours on the side where less is, from 0 to 1
 * @property {number} nearby what is left of its neighbours on the side where more is
 * @property {number} score of all that is left, less what the gaps cost
 * @property {() => Generator<void, number>} rival the score of the next best place
 */

/**
 * @param {{prefix: string, exact: string, suffix: string}} quote as it was written, not folded  @param {string} text
 * @returns {Generator<void, Kept | undefined>} nothing where nothing is left
 */
export function* kept({ prefix, exact, suffix }, text) {
  const from = prefix.length, to = from + exact.length, old = tokens(prefix + exact + suffix)
  /** @type {Map<string, number>} */
  const numbers = new Map()
  for (const { word } of old) if (!numbers.has(word)) numbers.set(word, numbers.size + 1)
  const before = Int32Array.from(old, ({ word }) => numbers.get(word) ?? 0)
  /** @type {number[]} */
  const starts = [], ends = [], after = []
  for (const { 0: word, index } of text.matchAll(TOKEN)) {
    starts.push(index)
    ends.push(index + word.length)
    after.push(numbers.get(word) ?? numbers.get(alike(word)) ?? 0)
    if (starts.length % 1024 === 0) yield
  }
  const now = Int32Array.from(after)
  const table = yield* new Table(old, before, now).filled(), became = table.became()
  const all = [0, 0, 0], left = [0, 0, 0], near = [0, 0, 0], first = [-1, -1, -1], last = [-1, -1, -1]
  let beyond = false
  let i = 0
  for (const { start, end, weight } of old) {
    const part = end <= from ? 0 : start >= to ? 2 : 1, at = became[i++], before = Math.max(...last)
    all[part] += weight
    if (at < 0) continue
    const gap = before >= 0 && at - before > BESIDE
    if (gap && first[1] < 0) near[0] = 0
    beyond ||= gap && part === 2
    if (!beyond) near[part] += weight
    left[part] += weight
    if (first[part] < 0) first[part] = at
    last[part] = at
  }
  const places = became.filter(at => at >= 0)
  if (!places.length) return undefined
  const share = (/** @type {number} */ part) => all[part] ? left[part] / all[part] : 1
  const [start, end] = left[1] ? [starts[first[1]], ends[last[1]]] : [last[0] < 0 ? 0 : ends[last[0]], first[2] < 0 ? text.length : starts[first[2]]]
  function* rival() {
    now.fill(-1, places[0], places[places.length - 1] + 1)
    return (yield* new Table(old, before, now).filled()).score
  }
  return { start, end, share: share(1), beside: Math.min(share(0), share(2)), nearby: Math.max(near[0], near[2]), score: table.score, rival }
}
