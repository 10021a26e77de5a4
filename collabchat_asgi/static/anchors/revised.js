/**
 * Finding passages in a text that was revised since: corrected, rewritten, moved, or gone. What is not found with good reason
 * is not found, for a lookalike is worse than an orphan. Pure, and in pieces: whoever runs a search may stop for a while at
 * each `yield`, of which there is one in about every millisecond.
 */

/** @import { Anchor } from '../typed/types.js' */
/** @import { Passage } from './describe.js' */
/** @import { Quote, Haystack } from './exact.js' */
/** @import { Candidate, Expected } from './accepted.js' */
import { AMONG_ITS_OWN, KNOWN, TRACE, accepted } from './accepted.js'
import { kept } from './alignment.js'
import { plausible, quoteOf, really, recorded, within } from './exact.js'
import { Grams } from './grams.js'
import { hits } from './hits.js'
import { Moves } from './moves.js'
import { Search } from './search.js'
import { Surroundings } from './surroundings.js'
import { surviving, worth } from './surviving.js'

/** Of one text, the places nearest to where it should be. */
const MOST_HITS = 60
/** How far around the expected place every approximate match is looked for, in units. */
const NEAR = 8192
/** Of the pieces by which a passage is looked for in a whole text. */
const SEED = 12
/** Of the places of a word at an edge of a passage. */
const MOST_EDGES = 24
/** How much a stretch says that is known by itself, and what of it must stand on each side of a short quote, in characters. */
const TELLING = 24
const BESIDE = 4
/** A quote that says less than this is no more than a word or two. */
const WORD = 14
/** Of the neighbours of a word or two that must be left on each side, where nothing but them tells its place. */
const NEIGHBOURS = 0.85
/** Of a passage that must be left, in weight, to be called the same one: about half, as a person would say. */
const LEFT = 0.45
/** What a passage and its neighbours must weigh together, as far as they are left: five or six words. */
const ENOUGH = 30
/** What must be left of the neighbours on one side, in weight: two words. What stands among strangers is a lookalike. */
const NEARBY = 10
/** How much may be put into a passage besides twice its own length: a sentence or two. */
const PUT_IN = 200
/** By how much the next best place must weigh less: three words, which no lookalike has not; or two, to doubt another place. */
const APART = 15
const DOUBT = 10
/** What counts a passage that is left in pieces: less than one that is whole, however much of it is left. */
const PIECEMEAL = 0.9
/** Of a passage and its neighbours, times what they are compared with to each side: whoever wrote an anchor decides how long it is. */
const MOST_COMPARED = 1 << 22
/** Of what is compared in one piece of work, in units. */
const PIECE = 2048

/** A text that is longer is not looked through for what it has not, in units. */
const LONG = 1 << 16

export class Revised {
  /** Of a long text. @type {Grams | undefined} */
  #grams

  /** @param {Haystack} haystack */
  constructor(haystack) {
    this.haystack = haystack
    this.moves = new Moves()
  }

  /** This was found beyond doubt, and shows where its neighbours are. @param {Anchor} anchor  @param {Passage} passage */
  learn(anchor, passage) {
    const { start, length } = recorded(anchor)
    this.moves.add(length, start, passage.start)
  }

  /** @param {number} start  @param {number} length  in code points  @returns {Expected} */
  #expected(start, length) {
    const { haystack } = this
    const scaled = haystack.unit(length > 0 ? Math.round(start * haystack.length / length) : start)
    const { left, right } = this.moves.around(length, start)
    const from = left && haystack.at(left.to + start - left.from), to = right && haystack.at(Math.max(0, right.to + start - right.from))
    const low = from ?? to ?? scaled, high = to ?? from ?? scaled
    return { low: Math.min(low, high), high: Math.max(low, high), sure: from !== undefined && to !== undefined && low <= high + 8 }
  }

  /**
   * @param {Anchor} anchor of anyone, so not to be trusted
   * @returns {Generator<void, (Passage & {state: 'anchored' | 'changed'}) | undefined>} in positions of the text itself
   */
  *seek(anchor) {
    const { start, size, length } = recorded(anchor), { haystack } = this
    const expected = this.#expected(start, length)
    if (!this.#grams && haystack.plain.length > LONG) {
      const grams = new Grams(haystack.plain)
      yield* grams.making()
      this.#grams = grams
    }
    for (const each of anchor.selector.slice(0, 8)) {
      const quote = quoteOf(each)
      let found = quote && (yield* this.#find(quote, expected))
      if (each.type === 'RangeSelector') {
        const from = quoteOf(each.startSelector), to = quoteOf(each.endSelector)
        const first = from && (yield* this.#find(from, expected))
        if (first && to) {
          const wanted = haystack.folds(size), due = Math.min(haystack.plain.length, first.start + Math.max(0, wanted - to.exact.length))
          const last = yield* this.#find(to, { low: due, high: due, sure: false }, first.start)
          if (last && plausible(last.end - first.start, wanted)) found = { ...first, end: last.end, quote: Math.min(first.quote, last.quote, last.end - first.start === wanted ? 1 : PIECEMEAL) }
        }
      }
      if (found) return { ...really(haystack, found, quote), state: found.quote === 1 ? 'anchored' : 'changed' }
    }
    return undefined
  }

  /** As `hits` has them. @param {string} part  @param {number} near  @param {number} most */
  #hits(part, near, most) {
    return this.#grams?.may(part) === false ? [] : hits(this.haystack.plain, part, near, most)
  }

  /** @param {Quote} quote  @param {Expected} expected  @param {number} [least] not before this  @returns {Generator<void, Candidate | undefined>} */
  *#find(quote, expected, least = 0) {
    const { plain: folded } = this.haystack, { exact, prefix, suffix } = quote
    const around = new Surroundings(quote), near = Math.max(least, (expected.low + expected.high) >> 1)
    /** @type {Map<string, Candidate>} */
    const candidates = new Map()
    const add = (/** @type {number} */ start, /** @type {number} */ end, /** @type {number} */ alike) => {
      if (start < least || end <= start || end > folded.length || candidates.has(start + ' ' + end)) return
      const context = around.likeness(folded, start, end)
      const away = start < expected.low ? expected.low - start : start > expected.high ? start - expected.high : 0
      const position = expected.sure ? 1 / (1 + Math.max(0, away - 8) / 100) : 1 - away / (folded.length || 1)
      candidates.set(start + ' ' + end, { start, end, quote: alike, context, position, score: 0.45 * alike + 0.5 * context + (expected.sure ? 0.15 : 0.05) * position })
    }
    const places = this.#hits(exact, near, MOST_HITS)
    if (places.length === MOST_HITS) {
      // The right one may be far away among many lookalikes: its neighbourhood leads there.
      yield
      if (prefix) for (const at of this.#hits(prefix.slice(-8) + exact, near, 8)) places.push(at + Math.min(8, prefix.length))
      yield
      if (suffix) places.push(...this.#hits(exact + suffix.slice(0, 8), near, 8))
    }
    yield
    for (const [n, at] of places.entries()) {
      if (this.#torn(quote, at, at + exact.length)) continue
      add(at, at + exact.length, 1)
      if (n % 16 === 15) yield
    }
    const exactly = this.#best(candidates, quote, expected)
    // Standing elsewhere word for word, among strangers, is less than being changed in its place.
    if (exactly && exactly.context >= AMONG_ITS_OWN) return worth(exact) < KNOWN ? yield* this.#settled(exactly, quote, near, least) : exactly
    if (around.unknown) return undefined
    const search = new Search(exact)
    yield
    // The words around it first, and those at its own ends: what stands between them now, whatever was put in or taken out.
    const most = 3 * exact.length + 24 + (exact.length > 3 * SEED ? PUT_IN : 0), ends = exact.length >= SEED
    const before = prefix?.slice(-SEED), after = suffix?.slice(0, SEED)
    const edges = (/** @type {string} */ part, /** @type {number} */ shift) => this.#hits(part, near, MOST_EDGES).map(at => at + shift)
    const lefts = new Set(before ? edges(before, before.length) : before === '' && after ? [0] : [])
    yield
    if (ends) for (const at of edges(exact.slice(0, SEED), 0)) lefts.add(at)
    yield
    const rights = new Set(!lefts.size ? [] : after ? edges(after, 0) : after === '' && before ? [folded.length] : [])
    yield
    if (ends && lefts.size) for (const at of edges(exact.slice(-SEED), SEED)) rights.add(at)
    yield
    let tried = 0
    for (const start of lefts) {
      for (const end of rights) {
        if (end <= start || end - start > most) continue
        const text = folded.slice(start, end)
        add(start, end, Math.max(1 - search.errors(text) / Math.max(exact.length, text.length), text === exact ? 1 : PIECEMEAL * surviving(exact, text)))
        if ((tried += text.length) < PIECE) continue
        tried = 0
        yield
      }
    }
    yield
    if (exact.length >= 4) {
      const errors = Math.min(128, Math.floor(0.4 * exact.length))
      const look = (/** @type {number} */ from, /** @type {number} */ to) => {
        for (const found of search.all(folded.slice(from, to), errors, 6)) {
          const whole = this.#whole(quote, from + found.start, from + found.end)
          for (const { start, end } of [whole, around.bounds(folded, whole.start, whole.end)]) {
            if (start < end) add(start, end, Math.max(0, 1 - search.errors(folded.slice(start, end)) / Math.max(exact.length, end - start)))
          }
        }
      }
      const from = Math.max(0, near - NEAR), to = Math.min(folded.length, near + NEAR + exact.length)
      // In parts that overlap by what may lie across them.
      const over = 2 * exact.length, step = Math.max(2048, over)
      for (let at = from; at < to; at += step) {
        look(at, Math.min(to, at + step + over))
        yield
      }
      if (!this.#best(candidates, quote, expected) && (from > 0 || to < folded.length)) {
        // Elsewhere: where a piece of it, or of what is around it, still stands.
        const words = (prefix ?? '') + exact + (suffix ?? ''), shift = (prefix ?? '').length
        /** @type {Set<number>} */
        const seen = new Set()
        for (let piece = 0; piece + SEED <= words.length; piece += SEED) {
          yield
          for (const at of this.#hits(words.slice(piece, piece + SEED), near, 4)) {
            const place = Math.round((at - piece + shift) / 64)
            if (seen.has(place)) continue
            seen.add(place)
            const middle = place * 64
            if (middle > from + 64 && middle + exact.length < to - 64) continue
            look(Math.max(0, middle - 128), Math.min(folded.length, middle + 2 * exact.length + 128))
            yield
          }
        }
      }
    }
    return yield* this.#settled(this.#best(candidates, quote, expected), quote, near, least)
  }

  /**
   * What became of a passage and its neighbours, word by word, has the last say: where nothing was found, where that is
   * somewhere else, and on a short quote, which stands in many places.
   * @param {Candidate | undefined} found  @param {Quote} quote  @param {number} near  @param {number} least
   * @returns {Generator<void, Candidate | undefined>}
   */
  *#settled(found, quote, near, least) {
    const { haystack } = this, { plain: folded, text } = haystack, { raw, exact, beside: [prefix, suffix] } = quote, says = worth(exact)
    const reach = Math.min(NEAR, Math.floor(MOST_COMPARED / (prefix.length + raw.length + suffix.length)))
    const low = Math.max(least, near - reach), high = Math.min(folded.length, near + reach)
    if (low >= high) return found
    const { start: from, end: to } = haystack.real(low, high)
    const left = yield* kept({ prefix, exact: raw, suffix }, text.slice(from, to))
    if (left && found) {
      // Where none of its words is left, it may be in others between its neighbours, which say so on both sides.
      const here = haystack.real(found.start, found.end), within = left.share || left.beside ? left : { start: 0, end: 0 }
      if (here.start < from + within.end && from + within.start < here.end) return found
    }
    const seen = found && found.start >= low && found.end <= high
    const strong = left && left.share >= LEFT && left.score >= ENOUGH && left.nearby >= NEARBY
    const apart = strong ? left.score - (yield* left.rival()) : 0
    if (strong && apart >= APART) {
      const start = haystack.at(from + left.start), end = haystack.at(from + left.end - 1) + 1
      if (end - start <= 3 * exact.length + PUT_IN && (says >= WORD || left.beside >= NEIGHBOURS)) {
        return { start, end, quote: folded.slice(start, end) === exact ? 1 : PIECEMEAL * left.share, context: left.beside, position: 1, score: 1 }
      }
    }
    return !seen || says >= KNOWN || apart >= DOUBT && says >= WORD ? found : undefined
  }

  /** Cuts through a word, as the quote did not. @param {Quote} quote  @param {number} start  @param {number} end */
  #torn({ words: [left, right] }, start, end) {
    const { text } = this.haystack, real = this.haystack.real(start, end)
    return left && real.start > 0 && within(text[real.start - 1], text[real.start]) || right && real.end < text.length && within(text[real.end - 1], text[real.end])
  }

  /** With the words at its ends whole, as those of the quote are. @param {Quote} quote  @param {number} start  @param {number} end  @returns {Passage} folded */
  #whole({ words: [left, right] }, start, end) {
    const { text } = this.haystack, real = this.haystack.real(start, end)
    let { start: from, end: to } = real
    if (left) while (from > 0 && within(text[from - 1], text[from])) from--
    if (right) while (to < text.length && within(text[to - 1], text[to])) to++
    return from === real.start && to === real.end ? { start, end } : { start: this.haystack.at(from), end: this.haystack.at(to - 1) + 1 }
  }

  /** With what stands unchanged on both sides of it, it is a longer quote, of which there is one. @param {Candidate} candidate  @param {Quote} quote */
  #single({ start, end, quote, context }, { prefix = '', suffix = '' }) {
    if (quote < 1 || context < TRACE) return false
    const { plain: folded } = this.haystack
    let from = start, to = end
    while (start - from < Math.min(start, prefix.length) && folded[from - 1] === prefix.at(from - start - 1)) from--
    while (to - end < suffix.length && folded[to] === suffix[to - end]) to++
    const words = folded.slice(from, to), beside = Math.min(prefix ? start - from : BESIDE, suffix ? to - end : BESIDE)
    return beside >= BESIDE && worth(words) >= TELLING && folded.indexOf(words) === from && !folded.includes(words, from + 1)
  }

  /** The best candidate, where there is good reason for it. @param {Map<string, Candidate>} candidates  @param {Quote} quote  @param {Expected} expected */
  #best(candidates, quote, expected) {
    /** @type {Candidate | undefined} */
    let best
    for (const each of candidates.values()) if (!best || each.score > best.score) best = each
    return best && (accepted(best, quote, expected) || this.#single(best, quote)) ? best : undefined
  }
}

/** @template T @param {Generator<void, T>} work  @returns {T} */
export function finish(work) {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}
