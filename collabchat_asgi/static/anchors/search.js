/**
 * Searching with errors: edit distances of a pattern to every end in a text, 32 rows of the table in one integer (Myers'
 * bit-parallel algorithm, in Hyyrö's form for blocks). Pure; in UTF-16 units.
 */

const WORD = 32

export class Pattern {
  /** For each unit of the pattern, a bit where it stands. @type {Map<number, Int32Array>} */
  #bits = new Map()
  #none
  #words

  /** @param {string} text not empty */
  constructor(text) {
    this.text = text
    this.#words = Math.ceil(text.length / WORD)
    this.#none = new Int32Array(this.#words)
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      let bits = this.#bits.get(unit)
      if (!bits) this.#bits.set(unit, bits = new Int32Array(this.#words))
      bits[i >> 5] |= 1 << (i & 31)
    }
  }

  /**
   * How many errors lie between the pattern and what ends at each place of a text.
   * @param {string} text
   * @param {boolean} bound it must begin where the text begins; otherwise anywhere
   * @returns {Int32Array} one more than the text has units
   */
  distances(text, bound) {
    const words = this.#words, length = this.text.length, last = 1 << (length - 1 & 31)
    const up = new Int32Array(words).fill(-1), down = new Int32Array(words)
    const found = new Int32Array(text.length + 1)
    let score = found[0] = length
    for (let j = 0; j < text.length; j++) {
      const bits = this.#bits.get(text.charCodeAt(j)) ?? this.#none
      let carry = bound ? 1 : 0
      for (let w = 0; w < words; w++) {
        const negative = carry < 0 ? 1 : 0
        const pv = up[w], mv = down[w]
        const xv = bits[w] | mv, eq = bits[w] | negative
        const xh = ((eq & pv) + pv | 0) ^ pv | eq
        let ph = mv | ~(xh | pv), mh = pv & xh
        const edge = w === words - 1 ? last : 1 << 31
        const out = ph & edge ? 1 : mh & edge ? -1 : 0
        ph = ph << 1 | (carry > 0 ? 1 : 0)
        mh = mh << 1 | negative
        up[w] = mh | ~(xv | ph)
        down[w] = ph & xv
        carry = out
      }
      found[j + 1] = score += carry
    }
    return found
  }

  /** The fewest errors to any beginning of a text. @param {string} text */
  least(text) {
    let least = this.text.length
    for (const errors of this.distances(text, true)) if (errors < least) least = errors
    return least
  }
}

/** @param {string} text  @returns {string} unit by unit */
export function backwards(text) {
  let found = ''
  for (let i = text.length; i--;) found += text[i]
  return found
}

/** One stretch of text that is like a pattern. @typedef {{start: number, end: number, errors: number}} Alike */

export class Search {
  #forward
  #backward

  /** @param {string} text not empty */
  constructor(text) {
    this.#forward = new Pattern(text)
    this.#backward = new Pattern(backwards(text))
  }

  /**
   * Every stretch that is better than all around it: the best one of a text may be a lookalike of the one that is meant.
   * @param {string} text  @param {number} errors at most  @param {number} most how many
   * @returns {Alike[]} the best first
   */
  all(text, errors, most) {
    const { length } = this.#forward.text, apart = Math.max(2, length >> 1)
    const at = this.#forward.distances(text, false)
    /** @type {number[]} */
    const ends = []
    for (let end = 1; end < at.length; end++) {
      if (at[end] > errors) continue
      const last = ends.at(-1)
      if (last === undefined || end - last >= apart) ends.push(end)
      else if (at[end] < at[last]) ends[ends.length - 1] = end
    }
    return ends.sort((a, b) => at[a] - at[b]).slice(0, most).map(end => ({ start: this.begin(text, end), end, errors: at[end] }))
  }

  /** Where the stretch begins that ends here. @param {string} text  @param {number} end */
  begin(text, end) {
    const { length } = this.#backward.text
    const to = this.#backward.distances(backwards(text.slice(Math.max(0, end - 2 * length), end)), true)
    let best = 0
    // Of equals, the one whose length is the pattern's.
    for (let size = 1; size < to.length; size++) if (to[size] < to[best] || to[size] === to[best] && Math.abs(size - length) < Math.abs(best - length)) best = size
    return end - best
  }

  /** @param {string} text  @returns {number} errors between the pattern and the whole of a text */
  errors(text) { return /** @type {number} */ (this.#forward.distances(text, true).at(-1)) }
}
