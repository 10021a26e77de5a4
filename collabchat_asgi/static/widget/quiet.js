/** Whether this browser's reader wants no highlights, and no offer beside a selection: on all pages of the origin, until told otherwise. */

/** Of the browser's storage. */
export const QUIET = 'collabchat:quiet'

/** Where it cannot be stored, for as long as the page lives. @type {boolean | undefined} */
let wish

export function quiet() {
  try { return wish ?? !!localStorage.getItem(QUIET) } catch { return false }
}

/** @param {boolean} [on] nothing: as the browser remembers it */
export const hush = on => { wish = on }

/** For the other tabs, and the next time. @param {boolean} on */
export function remember(on) {
  try { on ? localStorage.setItem(QUIET, '1') : localStorage.removeItem(QUIET) } catch { /* full or forbidden */ }
}
