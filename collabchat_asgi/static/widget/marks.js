/** Where discussions stand on a strip as high as the window: those at nearly the same height share a mark. Pure. */

/** `at`: from 0, the page's beginning, to 1, its end. @typedef {{id: string, at: number, resolved: boolean, unread: boolean}} Spot */
/** `top` in pixels; `ids` from the top down. @typedef {{top: number, ids: string[], resolved: boolean, unread: boolean}} Mark */

/** Marks that are nearer than this, in pixels, could not be told apart, or hit. */
export const APART = 6

/** @param {readonly Spot[]} spots  @param {number} height of the strip in pixels  @returns {Mark[]} from the top down */
export function marks(spots, height) {
  /** @type {Mark[]} */
  const made = []
  for (const { id, at, resolved, unread } of [...spots].sort((a, b) => a.at - b.at)) {
    const top = Math.round(Math.min(Math.max(0, at), 1) * Math.max(0, height - APART)), last = made.at(-1)
    if (last && top - last.top < APART) {
      last.ids.push(id)
      last.resolved &&= resolved
      last.unread ||= unread
    } else made.push({ top, ids: [id], resolved, unread })
  }
  return made
}
