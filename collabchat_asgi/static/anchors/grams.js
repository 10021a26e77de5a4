/**
 * Which stretches a long text has not: asked before all of it is searched for one. Most of what is looked for on behalf of a
 * passage that is gone stands nowhere, and to look through a megabyte for each of thirty stretches takes 10 ms. Pure.
 */

/** Units that are remembered together: shorter ones are everywhere. */
const SIZE = 8
/** Bits for each unit of the text: a stretch of twelve that is not there is taken for one that may be in less than one of a hundred cases. */
const BITS = 4
/** Of the text, in one piece of work: a millisecond at most, also before an engine knows how often this is done. */
const PIECE = 1 << 13

const FACTOR = 0x01000193
/** What the unit that leaves counted. */
let leaving = 1
for (let i = 0; i < SIZE; i++) leaving = Math.imul(leaving, FACTOR)

/** @param {number} hash  @param {string} text  @param {number} i  @returns {number} of the units that end at `i` */
function next(hash, text, i) {
  const more = Math.imul(hash, FACTOR) + text.charCodeAt(i) | 0
  return i < SIZE ? more : more - Math.imul(leaving, text.charCodeAt(i - SIZE)) | 0
}

/** @param {number} hash  @param {number} mask  @returns {number} its bit */
const bit = (hash, mask) => (hash ^ hash >>> 15) & mask

export class Grams {
  /** Of bits, a power of two less one. */
  #mask
  #bits

  /** @param {string} text */
  constructor(text) {
    this.text = text
    this.#mask = 2 ** Math.ceil(Math.log2(32 + BITS * text.length)) - 1
    this.#bits = new Uint32Array(this.#mask + 1 >> 5)
  }

  /** @returns {Generator<void>} */
  *making() {
    for (let from = 0; from < this.text.length; from += PIECE) {
      this.#remember(this.text.slice(from, from + PIECE + SIZE - 1))
      yield
    }
  }

  /** @param {string} text */
  #remember(text) {
    const bits = this.#bits, mask = this.#mask
    for (let i = 0, hash = 0; i < text.length; i++) {
      hash = next(hash, text, i)
      if (i < SIZE - 1) continue
      const at = bit(hash, mask)
      bits[at >> 5] |= 1 << (at & 31)
    }
  }

  /** Whether the text may have it: never no where it has. @param {string} part */
  may(part) {
    for (let i = 0, hash = 0; i < part.length; i++) {
      hash = next(hash, part, i)
      if (i < SIZE - 1) continue
      const at = bit(hash, this.#mask)
      if (!(this.#bits[at >> 5] & 1 << (at & 31))) return false
    }
    return true
  }
}
