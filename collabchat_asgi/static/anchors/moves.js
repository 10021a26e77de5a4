/** How the text moved from what anchors recorded to what it is now: a map of what was found beyond doubt. Pure. */

/** @typedef {{from: number, to: number}} Move */

export class Moves {
  /** By the length of the text that was recorded: anchors of one version of it share a map. @type {Map<number, Move[]>} */
  #versions = new Map()

  /** @param {number} version  @param {number} from where it was  @param {number} to where it is */
  add(version, from, to) {
    let moves = this.#versions.get(version)
    if (!moves) this.#versions.set(version, moves = [])
    const at = this.#after(moves, from)
    if (moves[at - 1]?.from !== from) moves.splice(at, 0, { from, to })
  }

  /** @param {Move[]} moves  @param {number} from  @returns {number} index of the first beyond it */
  #after(moves, from) {
    let low = 0, high = moves.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (moves[middle].from <= from) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The nearest on both sides. @param {number} version  @param {number} from  @returns {{left: Move | undefined, right: Move | undefined}} */
  around(version, from) {
    const moves = this.#versions.get(version) ?? []
    const at = this.#after(moves, from)
    return { left: moves[at - 1], right: moves[at] }
  }
}
