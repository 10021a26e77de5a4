/** Quotes of old texts, looked for in new ones: what was found, what was found in a wrong place, what was lost. */
import { Haystack, describe, locate, trimmed } from '../../collabchat_asgi/static/anchors/anchor.js'
import { seeded } from '../client/world.js'
import { common } from './common.js'
import { aligned, fate, tokens } from './truth.js'

/** @typedef {import('./pairs.js').Pair} Pair */
/** @typedef {import('./truth.js').Fate} Fate */
/** @typedef {import('./truth.js').Token} Token */
/** @typedef {Fate['kind']} Kind */
/** @typedef {import('../../collabchat_asgi/static/anchors/describe.js').Passage} Passage */
/** `near`: in the place, but neither clearly it nor clearly not. @typedef {'found' | 'near' | 'wrong' | 'lost'} Outcome */
/** @typedef {{pair: Pair, kind: Kind, size: string, outcome: Outcome, was: Passage, is: Fate, found: Passage | undefined, ms: number}} Result */

/** @param {number} length of a quote in characters  @param {string} language */
export function sizeOf(length, language) {
  // A character of these says as much as three.
  const worth = /^(zh|ja|ko)$/.test(language) ? 3 * length : length
  return worth < 12 ? '1–11' : worth < 40 ? '12–39' : worth < 120 ? '40–119' : '120+'
}

/** By one comparison of the two texts. @param {Fate} fate  @param {Passage} found  @returns {Outcome} */
function compared({ kind, start, end, from, to }, found) {
  const shared = Math.min(found.end, end) - Math.max(found.start, start)
  if (kind === 'intact' || kind === 'moved') return found.start === start && found.end === end ? 'found' : shared > 0 ? 'near' : 'wrong'
  if (found.end <= from || found.start >= to) return 'wrong'
  if (kind === 'gone' || kind === 'unclear') return 'near'
  return 2 * shared >= Math.min(end - start, found.end - found.start) ? 'found' : 'near'
}

/** @param {readonly Token[]} list  @param {Passage} passage  @returns {[number, number]} of its tokens the first, and the one behind the last */
const within = (list, { start, end }) => [list.findIndex(each => each.end > start), list.findLastIndex(each => each.start < end) + 1]

/**
 * What is to be said of places. Of what repeats itself a diff keeps one, and says of the others that they are gone: which one is
 * chance. Where another comparison, that keeps as many words of the whole text as any can, has most of a passage in another
 * place, nobody can say that it is not there.
 * @param {readonly Token[]} before  @param {readonly Token[]} after
 * @returns {(was: Passage, is: Fate, found: Passage | undefined) => Outcome}
 */
export function judge(before, after) {
  /** @type {number | undefined} */
  let most
  return (was, is, found) => {
    if (!found) return 'lost'
    const outcome = compared(is, found)
    if (outcome !== 'wrong') return outcome
    const [first, last] = within(before, was), [from, to] = within(after, found)
    const left = common(before.slice(first, last), after.slice(from, to))
    if (2 * left < last - first) return 'wrong'
    most ??= common(before, after)
    return common(before.slice(0, first), after.slice(0, from)) + left + common(before.slice(last), after.slice(to)) === most ? 'near' : 'wrong'
  }
}

/** Records passages of an old text, and looks for them in the new one: each with the time it took, in ms. @typedef {(old: string, now: string, passages: readonly Passage[]) => {place: Passage | undefined, ms: number}[]} Finder */

/** @type {Finder} */
export function ours(old, now, passages) {
  const haystack = new Haystack(now), anchors = passages.map(each => describe(old, each))
  // As a page does it: what is beyond doubt shows where the others are.
  const first = anchors.map(each => locate(haystack, each))
  return anchors.map((anchor, n) => {
    const began = performance.now()
    const place = first[n].state === 'anchored' ? first[n] : locate(haystack, anchor)
    return { place: place.state === 'lost' ? undefined : place, ms: performance.now() - began }
  })
}

/**
 * @param {readonly Pair[]} pairs  @param {{quotes?: number, seed?: number, finder?: Finder}} [options] quotes of each pair: the same ones for every finder
 * @returns {Result[]}
 */
export function measured(pairs, { quotes = 24, seed = 1, finder = ours } = {}) {
  const random = seeded(seed)
  /** @type {Result[]} */
  const results = []
  for (const pair of pairs) {
    const { before: old, after: now, language } = pair
    const before = tokens(old), after = tokens(now), became = aligned(before, after)
    // Half of them beside what was changed, for those are the hard ones.
    const changed = [...became.keys()].filter(i => became[i] < 0 || i > 0 && became[i - 1] >= 0 && became[i] !== became[i - 1] + 1)
    const passages = Array.from({ length: quotes }, (_, n) => {
      const count = Math.round(40 ** random())
      const near = n % 2 && changed.length ? random.pick(changed) + random.below(41) - 20 - (count >> 1) : random.below(before.length)
      const first = Math.min(Math.max(0, near), before.length - 1), last = Math.min(before.length - 1, first + count - 1)
      return trimmed(old, before[first].start, before[last].end)
    }).filter(each => !!each).filter(({ start, end }) => /[\p{L}\p{N}]/u.test(old.slice(start, end)))
    const judged = judge(before, after)
    for (const [n, { place: found, ms }] of finder(old, now, passages).entries()) {
      const was = passages[n], is = fate(old, now, before, after, became, was)
      results.push({ pair, kind: is.kind, size: sizeOf(was.end - was.start, language), outcome: judged(was, is, found), was, is, found, ms })
    }
  }
  return results
}

/** @param {readonly Result[]} results  @param {Kind} kind  @returns {Record<Outcome, number> & {all: number}} in percent, and how many */
export function shares(results, kind) {
  const here = results.filter(each => each.kind === kind)
  const share = (/** @type {Outcome} */ outcome) => here.length ? 100 * here.filter(each => each.outcome === outcome).length / here.length : NaN
  return { all: here.length, found: share('found'), near: share('near'), wrong: share('wrong'), lost: share('lost') }
}
