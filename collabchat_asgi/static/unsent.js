/** Words that were begun and not sent: closing a card loses none, and neither does a reload of this tab. */

/** @import { PageState } from './types.js' */

/** Where nothing may be stored, or before anybody is known. @type {Map<string, string>} */
const kept = new Map()

/** @param {string} urlId  @param {string | undefined} userId  @param {string} about a chat, a passage or a comment */
const keyOf = (urlId, userId, about) => 'collabchat:unsent:' + JSON.stringify([urlId, userId, about])

/** @param {PageState} state  @param {string} about  @returns {string} */
export function unsent({ urlId, user }, about) {
  const key = keyOf(urlId, user?.id, about)
  // What was written before anybody was known belongs to who turns out to be here.
  const words = kept.get(key) ?? kept.get(keyOf(urlId, undefined, about))
  try { return words ?? sessionStorage.getItem(key) ?? '' } catch { return words ?? '' }
}

/** @param {PageState} state  @param {string} about  @param {string} words */
export function keep({ urlId, user }, about, words) {
  const key = keyOf(urlId, user?.id, about)
  kept.delete(keyOf(urlId, undefined, about))
  words ? kept.set(key, words) : kept.delete(key)
  try {
    if (words && user) sessionStorage.setItem(key, words)
    else sessionStorage.removeItem(key)
  } catch { /* then they live as long as the page does */ }
}
