/** Where a stretch of text stands word for word. Pure. */

/** Of the first window that is looked through backwards, in units. */
const WINDOW = 8192

/** Where `part` stands in `text`: the `most` places nearest to `near`. @param {string} text  @param {string} part  @param {number} near  @param {number} most */
export function hits(text, part, near, most) {
  /** @type {number[]} */
  const found = []
  for (let at = text.indexOf(part, near), n = 0; at >= 0 && n < most; at = text.indexOf(part, at + 1), n++) found.push(at)
  // Backwards a window at a time: engines look for a last occurrence slowly.
  for (let to = near, size = WINDOW, n = 0; to > 0 && n < most; size *= 2) {
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
