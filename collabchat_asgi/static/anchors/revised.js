/**
 * Finding passages in a text that was revised since: corrected, rewritten, moved, or gone. What is not found with good reason
 * is not found, for a lookalike is worse than an orphan. Pure, and in pieces: whoever runs a search may stop for a while at
 * each `yield`, of which there is one in about every millisecond.
 */

/** @import { Anchor } from '../typed/types.js' */
/** @import { Passage } from './describe.js' */
/** @import { Quote, Haystack } from './exact.js' */
/** @import { Candidate } from './accepted.js' */
/** @import { Expected } from './expected.js' */
import { AMONG_ITS_OWN, KNOWN, PIECEMEAL, TRACE, accepted } from './accepted.js'
import { plausible, quoteOf, really, recorded, within } from './exact.js'
import { Grams } from './grams.js'
import { astray, expectedBetween } from './expected.js'
import { hits } from './hits.js'
import { Moves } from './moves.js'
import { Search } from './search.js'
import { PUT_IN, settled } from './settled.js'
import { Surroundings } from './surroundings.js'
import { surviving, worth } from './surviving.js'
import { atEdges, sided, single } from './verbatim.js'

/** Of one text, the places nearest to where it should be. */
const MOST_HITS = 60
/** How far around the expected place every approximate match is looked for, in units. */
const NEAR = 8192
/** Of the pieces by which a passage is looked for in a whole text. */
const SEED = 12
/** Of the places of a word at an edge of a passage. */
const MOST_EDGES = 24
/** How far from where it should be, as others say that were found, a passage may be that was changed, in units: one that stands among its own neighbours, one that does not, and a short one, which is like many. */
const FAR = 500
const FAR_AMONG_STRANGERS = 300
const FAR_SHORT = 150
/** And a short one of the same words that is known by what stands unchanged right beside it. */
const FAR_SINGLE = 200
/** What a quote says that is known by its own words alone, in the one place that has them; and what in its old place must be like it to be it instead. */
const ALONE = 24
const HARDLY_CHANGED = 0.6
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

  /**
   * @param {Anchor} anchor of anyone, so not to be trusted
   * @returns {Generator<void, (Passage & {state: 'anchored' | 'changed'}) | undefined>} in positions of the text itself
   */
  *seek(anchor) {
    const { start, size, length } = recorded(anchor), { haystack } = this
    const around = this.moves.around(length, start), expected = expectedBetween(haystack, around, start, length)
    const far = (/** @type {Candidate} */ { context }, /** @type {number} */ says) => says < KNOWN ? FAR_SHORT : context < AMONG_ITS_OWN ? FAR_AMONG_STRANGERS : FAR
    const known = around.left || around.right
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
          const last = yield* this.#find(to, { low: due, high: due, near: due, sure: false }, first.start)
          if (last && plausible(last.end - first.start, wanted)) found = { ...first, end: last.end, quote: Math.min(first.quote, last.quote, last.end - first.start === wanted ? 1 : PIECEMEAL) }
        }
      }
      // What moved and was changed as well is hardly ever told from what only looks like it.
      if (found && (found.quote === 1 || !known || astray(expected, found.start) <= far(found, quote ? worth(quote.exact) : KNOWN))) return { ...this.#really(found, quote), state: found.quote === 1 ? 'anchored' : 'changed' }
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
    const around = new Surroundings(quote), near = Math.max(least, expected.near)
    /** @type {Map<string, Candidate>} */
    const candidates = new Map()
    const add = (/** @type {number} */ start, /** @type {number} */ end, /** @type {number} */ alike) => {
      if (start < least || end <= start || end > folded.length || candidates.has(start + ' ' + end)) return
      const context = around.likeness(folded, start, end)
      const away = astray(expected, start)
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
    const edge = atEdges(folded, quote).find(({ start, end }) => start >= least && !this.#torn(quote, start, end))
    if (edge) return { ...edge, quote: 1, context: 1, position: 1, score: 1 }
    let n = 0
    for (const at of places) {
      if (this.#torn(quote, at, at + exact.length)) continue
      add(at, at + exact.length, 1)
      if (++n % 16 === 0) yield
    }
    const whole = [...candidates.values()].filter(each => sided(folded, each, quote))
    const exactly = whole.length === 1 ? whole[0] : this.#best(candidates, quote, expected)
    // Standing elsewhere word for word, among strangers, is less than being changed in its place.
    if (exactly && exactly.context >= AMONG_ITS_OWN) return worth(exact) < KNOWN ? yield* settled(this.haystack, exactly, quote, expected, near, least) : exactly
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
    const best = this.#best(candidates, quote, expected), only = places.length === 1 && worth(exact) >= ALONE && candidates.get(places[0] + ' ' + (places[0] + exact.length))
    // Nothing else is like it: what is left of it in its old place was there before it, or came instead of it.
    if (only && (!best || 1 - search.errors(folded.slice(best.start, best.end)) / Math.max(exact.length, best.end - best.start) < HARDLY_CHANGED)) return only
    return yield* settled(this.haystack, best, quote, expected, near, least)
  }

  /** In positions of the text itself: no more than the quote had, but never a part of a word. @param {Candidate} found  @param {Quote | undefined} quote  @returns {Passage} */
  #really(found, quote) {
    const place = really(this.haystack, found, quote)
    return quote && found.quote < 1 && this.#cuts(quote, place) ? really(this.haystack, found) : place
  }

  /** Cuts through a word, as the quote did not. @param {Quote} quote  @param {Passage} place */
  #cuts({ words: [left, right] }, { start, end }) {
    const { text } = this.haystack
    return left && start > 0 && within(text[start - 1], text[start]) || right && end < text.length && within(text[end - 1], text[end])
  }

  /** @param {Quote} quote  @param {number} start  @param {number} end */
  #torn(quote, start, end) { return this.#cuts(quote, this.haystack.real(start, end)) }

  /** With the words at its ends whole, as those of the quote are. @param {Quote} quote  @param {number} start  @param {number} end  @returns {Passage} folded */
  #whole({ words: [left, right] }, start, end) {
    const { text } = this.haystack, real = this.haystack.real(start, end)
    let { start: from, end: to } = real
    if (left) while (from > 0 && within(text[from - 1], text[from])) from--
    if (right) while (to < text.length && within(text[to - 1], text[to])) to++
    return from === real.start && to === real.end ? { start, end } : { start: this.haystack.at(from), end: this.haystack.at(to - 1) + 1 }
  }

  /** The best candidate, where there is good reason for it. @param {Map<string, Candidate>} candidates  @param {Quote} quote  @param {Expected} expected */
  #best(candidates, quote, expected) {
    /** @type {Candidate | undefined} */
    let best
    for (const each of candidates.values()) if (!best || each.score > best.score) best = each
    return best && (accepted(best, quote, expected) || best.quote === 1 && best.context >= TRACE && astray(expected, best.start) <= FAR_SINGLE && single(this.haystack.plain, best, quote)) ? best : undefined
  }
}

/** @template T @param {Generator<void, T>} work  @returns {T} */
export function finish(work) {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}
