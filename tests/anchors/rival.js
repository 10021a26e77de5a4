/**
 * The quotes of Hypothesis' client, as its documentation and its source tell (`match-quote`, weights and bounds of 1.x): the
 * position where the very words stand there, else whatever scores best, by words, 32 characters of each side, and nearness.
 * For the same quotes as ours, in the same run; the search is the one that it uses.
 */
import search from '../client/node_modules/approx-string-match/build/src/index.js'

/** @typedef {import('../../collabchat_asgi/static/anchors/describe.js').Passage} Passage */

const CONTEXT = 32, MOST_ERRORS = 256
const WEIGHT = { quote: 50, prefix: 20, suffix: 20, position: 2 }
const ALL = WEIGHT.quote + WEIGHT.prefix + WEIGHT.suffix + WEIGHT.position

/** @typedef {{exact: string, prefix: string, suffix: string, start: number}} Quote */

/** @param {string} text  @param {Passage} passage  @returns {Quote} */
const recorded = (text, { start, end }) => ({ exact: text.slice(start, end), prefix: text.slice(Math.max(0, start - CONTEXT), start), suffix: text.slice(end, end + CONTEXT), start })

/** Where the words stand as they are, else what is like them. @param {string} text  @param {string} words  @param {number} most errors */
function matches(text, words, most) {
  /** @type {{start: number, end: number, errors: number}[]} */
  const exact = []
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) exact.push({ start: at, end: at + words.length, errors: 0 })
  return exact.length ? exact : search(text, words, most)
}

/** @param {string} text  @param {string} words */
const alike = (text, words) => text && words ? 1 - matches(text, words, words.length)[0].errors / words.length : 0

/** @param {string} text  @param {Quote} quote  @returns {Passage | undefined} */
function located(text, { exact, prefix, suffix, start: hint }) {
  const end = hint + exact.length
  if (text.slice(hint, end) === exact) return { start: hint, end }
  let best = -1
  /** @type {Passage | undefined} */
  let found
  for (const { start, end, errors } of matches(text, exact, Math.min(MOST_ERRORS, exact.length / 2))) {
    const score = (WEIGHT.quote * (1 - errors / exact.length)
      + WEIGHT.prefix * (prefix ? alike(text.slice(Math.max(0, start - prefix.length), start), prefix) : 1)
      + WEIGHT.suffix * (suffix ? alike(text.slice(end, end + suffix.length), suffix) : 1)
      + WEIGHT.position * (1 - Math.abs(start - hint) / text.length)) / ALL
    if (score > best) [best, found] = [score, { start, end }]
  }
  return found
}

/** @type {import('./measure.js').Finder} */
export const hypothesis = (old, now, passages) => passages.map(passage => {
  const quote = recorded(old, passage), began = performance.now(), place = located(now, quote)
  return { place, ms: performance.now() - began }
})
