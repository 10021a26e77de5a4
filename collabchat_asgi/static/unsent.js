/** Words that were begun and not sent: closing a card loses none, and neither does a reload of this tab. */

/** @import { PageState } from './types.js' */

/** Where nothing may be stored, or nobody is known to whom it would belong. @type {Map<string, string>} */
const kept = new Map()

/** @param {PageState} state  @param {string} about a chat, a passage or a comment */
const keyOf = ({ urlId, user }, about) => 'collabchat:unsent:' + JSON.stringify([urlId, user?.id, about])

/** @param {PageState} state  @param {string} about  @returns {string} */
export function unsent(state, about) {
  const key = keyOf(state, about)
  try { return kept.get(key) ?? sessionStorage.getItem(key) ?? '' } catch { return '' }
}

/** @param {PageState} state  @param {string} about  @param {string} words */
export function keep(state, about, words) {
  const key = keyOf(state, about)
  kept.set(key, words)
  try {
    if (words && state.user) sessionStorage.setItem(key, words)
    else sessionStorage.removeItem(key)
  } catch { /* then they live as long as the page does */ }
}
