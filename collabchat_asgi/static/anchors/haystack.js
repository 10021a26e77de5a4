/**
 * A text made ready for any number of searches: folded, so that white space, quotes and dashes in another form are the same
 * words, with the way back to the text as it is. Pure.
 */

/** White space; quotes; dashes; dots; what counts two. */
const ODD = '(\\s+)|(["`´‘-‟′″‹›«»「」『』])|([-‐-―−－]+)|(…)|([\\u{10000}-\\u{10ffff}])'
const COMPOSED = new RegExp(ODD, 'gu')
const DECOMPOSED = new RegExp(ODD + '|\\P{M}\\p{M}+', 'gu')
/** How much of a text is folded in one piece of work: what scripts without blanks hold of the odd is little, and looked for in all. */
const PIECE = 8192
/** No odd stretch goes on across what begins with one of these. */
const LETTER = /[\p{L}\p{N}]/u

/** @param {string} text  @returns {string} without positions: for what is searched */
export function fold(text) { return new Haystack(text).plain }

export class Haystack {
  plain = ''
  /** Pairs of a folded and a real position, ascending: from each on, both go up alike. */
  #folded = [0]
  #real = [0]
  /** Real positions of characters beyond the first 65,536, which count two. @type {number[]} */
  #astral = []

  /** @param {string} text canonical  @param {boolean} [later] `making` is called by whoever makes it */
  constructor(text, later = false) {
    this.text = text
    if (!later) for (const _ of this.making());
  }

  /** In pieces of a millisecond or so. @returns {Generator<void>} */
  *making() {
    const { text } = this
    let length = 0, from = 0
    const odds = text.normalize('NFC') === text ? COMPOSED : DECOMPOSED
    yield
    for (let at = 0, end = 0; at < text.length; at = end) {
      for (end = at + PIECE; end < text.length && !LETTER.test(text[end]);) end++
      // A list of the parts of all of a long text would keep the collector of garbage busy for longer than a piece may take.
      /** @type {string[]} */
      const parts = []
      /** @param {number} to  @param {string} [instead]  @param {number} [size] of what it stands for */
      const cut = (to, instead = '', size = 0) => {
        parts.push(text.slice(from, to), instead)
        length += to - from
        this.#folded.push(length, length += instead.length)
        this.#real.push(to, from = to + size)
      }
      for (const { 0: odd, 1: space, 2: quotes, 3: dashes, 4: dots, 5: astral, index } of text.slice(at, end).matchAll(odds)) {
        if (astral) this.#astral.push(at + index)
        else {
          const instead = space ? '' : quotes ? "'" : dashes ? '-' : dots ? '...' : odd.normalize('NFC')
          if (instead !== odd) cut(at + index, instead, odd.length)
        }
      }
      cut(Math.min(end, text.length))
      this.plain += parts.join('')
      yield
    }
    this.length = text.length - this.#astral.length
  }

  /** In code points. */
  length = 0

  /** @param {number[]} list ascending, from 0  @param {number} value  @returns {number} index of the last that is not greater */
  #last(list, value) {
    let low = 0, high = list.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (list[middle] <= value) low = middle
      else high = middle - 1
    }
    return low
  }

  /** @param {number} start  @param {number} end  folded, not empty  @returns {import('./describe.js').Passage} in `text` */
  real(start, end) {
    const first = this.#last(this.#folded, start), last = this.#last(this.#folded, end - 1)
    const from = Math.min(this.#real[first] + start - this.#folded[first], (this.#real[first + 1] ?? Infinity) - 1)
    const next = this.#real[last + 1] ?? Infinity
    return { start: from, end: this.#folded[last + 1] === end ? next : Math.min(next, this.#real[last] + end - this.#folded[last]) }
  }

  /** @param {number} at in `text`  @returns {number} in `plain` */
  at(at) {
    const index = this.#last(this.#real, at)
    return Math.min(this.#folded[index] + at - this.#real[index], this.#folded[index + 1] ?? this.plain.length)
  }

  /** How much of so many code points is left when they are folded, roughly. @param {number} size */
  folds(size) { return Math.round(size * this.plain.length / (this.length || 1)) }

  /** @param {number} at in code points of `text`  @returns {number} in `plain` */
  unit(at) {
    let low = 0, high = this.#astral.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#astral[middle] - middle < at) low = middle + 1
      else high = middle
    }
    return this.at(Math.min(this.text.length, at + low))
  }
}
