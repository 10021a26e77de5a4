/** How much two lists of words have in common, in their order: what no comparison of two texts can exceed. */

/** @typedef {import('./truth.js').Token} Token */

const BITS = 16, FULL = (1 << BITS) - 1

/**
 * The length of a longest common subsequence, a word of 16 rows at once (Hyyrö's bit-parallel form, with the carry by hand).
 * @param {readonly Token[]} before  @param {readonly Token[]} after
 */
export function common(before, after) {
  const width = Math.ceil(before.length / BITS), rest = new Uint32Array(width).fill(FULL)
  /** Where each word stands. @type {Map<string, Uint32Array>} */
  const places = new Map()
  for (const { word } of after) places.set(word, places.get(word) ?? new Uint32Array(width))
  for (const [i, { word }] of before.entries()) {
    const of = places.get(word)
    if (of) of[i >> 4] |= 1 << (i & BITS - 1)
  }
  for (const { word } of after) {
    const of = places.get(word)
    for (let w = 0, carry = 0; of && w < width; w++) {
      const matched = rest[w] & of[w], sum = rest[w] + matched + carry
      rest[w] = (sum | rest[w] & ~matched) & FULL
      carry = sum >> BITS
    }
  }
  let count = 0
  for (let i = 0; i < before.length; i++) if (!(rest[i >> 4] >> (i & BITS - 1) & 1)) count++
  return count
}
