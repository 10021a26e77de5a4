/** Words that were begun and not sent: closing a card loses none, and neither does a reload of this tab. They are their writer's alone. */

/** @import { PageState } from './types.js' */

/** Where nothing may be stored, or before anybody is known. @type {Map<string, string>} */
const kept = new Map()

const PREFIX = 'collabchat:unsent:'

/** @param {Pick<PageState, 'urlId' | 'user' | 'tenantId'>} state  @param {string} about a chat, a passage or a comment */
const keyOf = ({ urlId, user, tenantId }, about) => PREFIX + JSON.stringify([tenantId, urlId, user?.id, about])

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

/** Discussions of this page that this reader has begun: what they are about, as it was given to `keep`, and the words. @param {PageState} state  @returns {{about: string, selector: import('./types.js').Selector[], words: string}[]} */
export function begun(state) {
  const keys = new Set(kept.keys())
  try { for (let n = 0; n < sessionStorage.length; n++) keys.add(sessionStorage.key(n) ?? '') } catch { /* none is stored */ }
  const found = []
  for (const key of keys) {
    try {
      const about = key.startsWith(PREFIX) ? JSON.parse(key.slice(PREFIX.length))[3] : ''
      const words = about[0] === '[' && [keyOf(state, about), keyOf({ urlId: state.urlId }, about)].includes(key) ? unsent(state, about) : ''
      if (words.trim()) found.push({ about, selector: JSON.parse(about), words })
    } catch { /* somebody else's */ }
  }
  return found
}

/** Whoever comes next did not write what is nobody's. */
export function forgetNobodys() { for (const key of kept.keys()) if (JSON.parse(key.slice(key.indexOf('[')))[2] === null) kept.delete(key) }
