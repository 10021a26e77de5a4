/**
 * Finding passages in a text that was revised since: corrected, rewritten, moved, or gone. What is not found with good reason
 * is not found, for a lookalike is worse than an orphan. Pure, and in pieces: whoever runs a search may stop for a while at
 * each `yield`, of which there is one in about every millisecond.
 */

/** @import { Anchor } from '../typed/types.js' */
/** @import { Passage } from './describe.js' */
/** @import { Quote, Haystack } from './exact.js' */
import { plausible, quoteOf, really, recorded, within } from './exact.js'
import { Moves } from './moves.js'
import { Pattern, Search, backwards } from './search.js'
import { surviving, worth } from './surviving.js'

/** Of one text, the places nearest to where it should be. */
const MOST_HITS = 60
/** How far around the expected place every approximate match is looked for, in units. */
const NEAR = 8192
/** Of the words around a passage that show where it ends. */
const EDGE = 24
/** Of the pieces by which a passage is looked for in a whole text. */
const SEED = 12
/** Of the places of a word at an edge of a passage. */
const MOST_EDGES = 24
/** How much a stretch says that is known by itself, and what of it must stand on each side of a short quote, in characters. */
const TELLING = 24
const BESIDE = 4
/** Of what is compared in one piece of work, in units. */
const PIECE = 2048

/** @typedef {{start: number, end: number, quote: number, context: number, position: number, score: number}} Candidate */
/** Where a passage should be: between the two, from what was found around it; or at one place, roughly. @typedef {{low: number, high: number, sure: boolean}} Expected */

/** What stands around a quote, ready to be compared. */
class Surroundings {
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
    if (this.before) sides.push(one(this.before, backwards(text.slice(Math.max(0, start - this.before.text.length - 16), start))))
    else if (this.prefix === '' && start > 0) doubt = 0.4
    if (this.after) sides.push(one(this.after, text.slice(end, end + this.after.text.length + 16)))
    else if (this.suffix === '' && end < text.length) doubt = 0.4
    if (!sides.length) return doubt === 1 ? 1 : 0
    return (0.6 * Math.max(...sides) + 0.4 * Math.min(...sides)) * doubt
  }
}

/** Where `part` stands in `text`: the `most` places nearest to `near`. @param {string} text  @param {string} part  @param {number} near  @param {number} most */
function hits(text, part, near, most) {
  /** @type {number[]} */
  const found = []
  for (let at = text.indexOf(part, near), n = 0; at >= 0 && n < most; at = text.indexOf(part, at + 1), n++) found.push(at)
  // Backwards a window at a time: engines look for a last occurrence slowly.
  for (let to = near, size = NEAR, n = 0; to > 0 && n < most; size *= 2) {
    const from = Math.max(0, to - size), window = text.slice(from, to + part.length - 1)
    /** @type {number[]} */
    const here = []
    for (let at = window.indexOf(part); at >= 0; at = window.indexOf(part, at + 1)) here.push(from + at)
    found.push(...here.slice(-most))
    n += here.length
    to = from
  }
  return found.sort((a, b) => Math.abs(a - near) - Math.abs(b - near)).slice(0, most)
}

export class Revised {
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
    for (const each of anchor.selector.slice(0, 8)) {
      const quote = quoteOf(each)
      let found = quote && (yield* this.#find(quote, expected))
      if (each.type === 'RangeSelector') {
        const from = quoteOf(each.startSelector), to = quoteOf(each.endSelector)
        const first = from && (yield* this.#find(from, expected))
        if (first && to) {
          const wanted = haystack.folds(size), due = Math.min(haystack.plain.length, first.start + Math.max(0, wanted - to.exact.length))
          const last = yield* this.#find(to, { low: due, high: due, sure: false }, first.start)
          if (last && plausible(last.end - first.start, wanted)) found = { ...first, end: last.end, quote: Math.min(first.quote, last.quote, last.end - first.start === wanted ? 1 : 0.9) }
        }
      }
      if (found) return { ...really(haystack, found, quote), state: found.quote === 1 ? 'anchored' : 'changed' }
    }
    return undefined
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
    const places = hits(folded, exact, near, MOST_HITS)
    if (places.length === MOST_HITS) {
      // The right one may be far away among many lookalikes: its neighbourhood leads there.
      yield
      if (prefix) for (const at of hits(folded, prefix.slice(-8) + exact, near, 8)) places.push(at + Math.min(8, prefix.length))
      yield
      if (suffix) places.push(...hits(folded, exact + suffix.slice(0, 8), near, 8))
    }
    yield
    for (const [n, at] of places.entries()) {
      if (this.#torn(quote, at, at + exact.length)) continue
      add(at, at + exact.length, 1)
      if (n % 16 === 15) yield
    }
    const exactly = this.#best(candidates, quote, expected)
    // Standing elsewhere word for word, among strangers, is less than being changed in its place.
    if (exactly && exactly.context >= 0.6) return exactly
    if (around.unknown) return undefined
    const search = new Search(exact)
    yield
    // The words around it first, and those at its own ends: what stands between them now, whatever was put in or taken out.
    const most = 3 * exact.length + 24 + (exact.length > 3 * SEED ? 200 : 0), ends = exact.length >= SEED
    const before = prefix?.slice(-SEED), after = suffix?.slice(0, SEED)
    const edges = (/** @type {string} */ part, /** @type {number} */ shift) => hits(folded, part, near, MOST_EDGES).map(at => at + shift)
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
        add(start, end, Math.max(1 - search.errors(text) / Math.max(exact.length, text.length), text === exact ? 1 : 0.9 * surviving(exact, text)))
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
          for (const at of hits(folded, words.slice(piece, piece + SEED), near, 4)) {
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
    return this.#best(candidates, quote, expected)
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
    if (quote < 1 || context < 0.25) return false
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

/** @param {Candidate} candidate  @param {Quote} quote  @param {Expected} expected */
function accepted({ quote, context, position }, { exact }, { sure }) {
  // Known neighbours say that it is here, or that it would have to have moved away from them.
  const there = sure && position > 0.9, away = sure && position < 0.3, short = worth(exact) < 20
  if (quote === 1) return context >= (!short ? 0.25 : there ? 0.4 : away ? 0.8 : 0.6)
  if (exact.length < 12 && quote < 0.7 && context < 0.9) return false
  if (there && quote >= 0.5 && context >= 0.4) return true
  return quote >= 0.6 && context >= (short || away ? 0.5 : 0.45) || quote >= 0.75 && context >= (short || away ? 0.5 : 0.35) || quote >= 0.5 && context >= 0.7
}

/** @template T @param {Generator<void, T>} work  @returns {T} */
export function finish(work) {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}
