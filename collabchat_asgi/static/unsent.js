/** Words that were begun and not sent: closing a card loses none, and neither does a reload of this tab. They are their writer's alone. */

/** @import { PageState } from './types.js' */

/** Where nothing may be stored, or before anybody is known. @type {Map<string, string>} */
const kept = new Map()

/** @param {Pick<PageState, 'urlId' | 'user' | 'tenantId'>} state  @param {string} about a chat, a passage or a comment */
const keyOf = ({ urlId, user, tenantId }, about) => 'collabchat:unsent:' + JSON.stringify([tenantId, urlId, user?.id, about])

/** @param {PageState} state  @param {string} about  @returns {string} */
export function unsent(state, about) {
  const key = keyOf(state, about)
  // What was written before anybody was known belongs to who turns out to be here.
  const words = kept.get(key) ?? kept.get(keyOf({ urlId: state.urlId }, about))
  try { return words ?? sessionStorage.getItem(key) ?? '' } catch { return words ?? '' }
}

/** @param {PageState} state  @param {string} about  @param {string} words */
export function keep(state, about, words) {
  const key = keyOf(state, about)
  kept.delete(keyOf({ urlId: state.urlId }, about))
  words ? kept.set(key, words) : kept.delete(key)
  try {
    if (words && state.user) sessionStorage.setItem(key, words)
    else sessionStorage.removeItem(key)
  } catch { /* then they live as long as the page does */ }
}

/** Whoever comes next did not write what is nobody's. */
export function forgetNobodys() { for (const key of kept.keys()) if (JSON.parse(key.slice(key.indexOf('[')))[2] === null) kept.delete(key) }
