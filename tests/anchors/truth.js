/** What became of each word of a text, told by `git diff --histogram`: nothing of our own search is asked. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** @typedef {import('../../collabchat_asgi/static/anchors/describe.js').Passage} Passage */

/** A word, or a character of a script without blanks, with its place. @typedef {{word: string, start: number, end: number}} Token */

/** @param {string} text  @returns {Token[]} */
export const tokens = text => [...text.matchAll(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]|[\p{L}\p{N}\p{M}_]+|[^\s]/gu)].map(({ 0: word, index }) => ({ word, start: index, end: index + word.length }))

/**
 * Which token of `after` each of `before` became; -1 where it is gone.
 * @param {Token[]} before  @param {Token[]} after  @returns {Int32Array}
 */
export function aligned(before, after) {
  const folder = mkdtempSync(join(tmpdir(), 'collabchat-anchors-'))
  try {
    for (const [name, list] of /** @type {const} */ ([['before', before], ['after', after]])) writeFileSync(join(folder, name), list.map(each => each.word + '\n').join(''))
    const { stdout } = spawnSync('git', ['diff', '--no-index', '--histogram', '-U0', '--no-color', 'before', 'after'], { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 })
    const found = new Int32Array(before.length)
    let at = 0, shift = 0
    for (const [, from, size = '1', to, size2 = '1'] of stdout.matchAll(/^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/gm)) {
      // A side without lines names the line before it.
      const start = +size ? +from - 1 : +from, now = +size2 ? +to - 1 : +to
      for (; at < start; at++) found[at] = at + shift
      for (; at < start + +size; at++) found[at] = -1
      shift = now + +size2 - at
    }
    for (; at < before.length; at++) found[at] = at + shift
    return found
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * @typedef {object} Fate of a quote
 * @property {'intact' | 'edited' | 'rewritten' | 'gone' | 'moved' | 'unclear'} kind `unclear`: cut here, and much like it is written somewhere else
 * @property {number} start  @property {number} end what is left of it
 * @property {number} from  @property {number} to the widest that it may be: up to its surviving neighbours
 */

/** What goes along with a quote that moved, in characters of each side. */
const BESIDE = 24
/** And in all, where there is less on one side. */
const AROUND = 2 * BESIDE

/** Where a passage is now that stands with its neighbours in one place of both texts. @param {string} old  @param {string} text  @param {number} from  @param {number} start  @param {number} end  @param {number} to  @returns {number | undefined} */
function carried(old, text, from, start, end, to) {
  const words = old.slice(Math.max(0, from), to), at = text.indexOf(words)
  return at < 0 || text.includes(words, at + 1) || old.indexOf(words) !== old.lastIndexOf(words) ? undefined : at + start - Math.max(0, from)
}

/**
 * @param {string} old  that was  @param {string} text  that is now  @param {Token[]} before  @param {Token[]} after  @param {Int32Array} became
 * @param {Passage} passage as it was recorded: its ends may lie within words, for a sign that is joined to a letter is none of its own
 * @returns {Fate}
 */
export function fate(old, text, before, after, became, passage) {
  const quote = old.slice(passage.start, passage.end)
  const first = before.findIndex(each => each.end > passage.start), last = before.findLastIndex(each => each.start < passage.end)
  const left = became.subarray(first, last + 1).filter(each => each >= 0)
  let low = first - 1, high = last + 1
  while (low >= 0 && became[low] < 0) low--
  while (high < before.length && became[high] < 0) high++
  const from = low < 0 ? 0 : after[became[low]].end, to = high < before.length ? after[became[high]].start : text.length
  const chars = (/** @type {(index: number) => boolean} */ which) => before.slice(first, last + 1).reduce((sum, { word }, i) => sum + (which(first + i) ? word.length : 0), 0)
  const share = chars(i => became[i] >= 0) / chars(() => true)
  const { start: here, end: there } = passage
  /** @type {Fate | undefined} */
  let told
  if (left.length) {
    const lead = became[first] < 0 ? 0 : passage.start - before[first].start, trail = became[last] < 0 ? 0 : before[last].end - passage.end
    const start = after[left[0]].start + lead, end = after[left[left.length - 1]].end - trail
    const whole = left.length === last - first + 1 && left[left.length - 1] - left[0] === last - first
    if (share > 0.2) told = { kind: whole ? 'intact' : share >= 0.5 ? 'edited' : 'rewritten', start, end, from, to }
  }
  // The same words in one other place; where they stood twice before, that may be what is left of the others.
  const at = text.indexOf(quote), once = at >= 0 && text.indexOf(quote, at + 1) < 0, alone = old.indexOf(quote) === old.lastIndexOf(quote)
  if (!told && quote.length >= 24 && once && alone) return { kind: 'moved', start: at, end: at + quote.length, from: at, to: at + quote.length }
  // A diff sees no moves: it went with what stood around it, on both sides or, which nobody can be sure of, on one more than on the
  // other. What a diff says to be left of it elsewhere, where both sides went, is a word or two, by chance.
  const went = (/** @type {number} */ before, /** @type {number} */ behind) => {
    const place = carried(old, text, here - before, here, there, there + behind)
    return place !== undefined && (!told || place + quote.length <= told.start || place >= told.end) ? place : undefined
  }
  const moved = went(BESIDE, BESIDE)
  if (moved !== undefined) return { kind: 'moved', start: moved, end: moved + quote.length, from: moved, to: moved + quote.length }
  if (told) return told
  for (let before = 0; before <= AROUND; before += 4) if (went(before, AROUND - before) !== undefined) return { kind: 'unclear', start: from, end: to, from, to }
  // Cut, and written anew elsewhere: whether that is it, nobody can say.
  const words = before.slice(first, last + 1).map(each => each.word), threes = words.slice(2).map((_, i) => words.slice(i, i + 3).join(' '))
  const elsewhere = threes.filter(three => after.some(({ word }, i) => word === three.split(' ')[0] && three === after.slice(i, i + 3).map(each => each.word).join(' ')))
  return { kind: once && quote.length > 6 || threes.length > 1 && elsewhere.length > threes.length / 2 ? 'unclear' : 'gone', start: from, end: to, from, to }
}
