/** Words that were begun and not sent: closing a card loses none, and neither does a reload of this tab. They are their writer's alone. */

/** @import { PageState } from '../typed/types.js' */
import { json } from '../json.js'

/** Where nothing may be stored, or before anybody is known. @type {Map<string, string>} */
const kept = new Map()

const PREFIX = 'collabchat:unsent:'

/** @param {Pick<PageState, 'urlId' | 'user' | 'tenantId'>} state  @param {string} about a chat, a passage or a comment */
const keyOf = ({ urlId, user, tenantId }, about) => PREFIX + json([tenantId, urlId, user?.id, about])

/** @param {string} key */
function stored(key) {
  const words = kept.get(key)
  try { return words ?? sessionStorage.getItem(key) ?? '' } catch { return words ?? '' }
}

/** What was written before anybody was known belongs to who turns out to be here. @param {PageState} state  @param {string} about  @returns {string} */
export const unsent = (state, about) => stored(keyOf(state, about)) || stored(keyOf({ urlId: state.urlId }, about))

/** @param {PageState} state  @param {string} about  @param {string} words */
export function keep(state, about, words) {
  const key = keyOf(state, about), nobodys = keyOf({ urlId: state.urlId }, about)
  kept.delete(nobodys)
  words ? kept.set(key, words) : kept.delete(key)
  try {
    sessionStorage.removeItem(nobodys)
    words ? sessionStorage.setItem(key, words) : sessionStorage.removeItem(key)
  } catch { /* then they live as long as the page does */ }
}

/** Every key of ours. @returns {string[]} */
function all() {
  const keys = new Set(kept.keys())
  try { for (let n = 0; n < sessionStorage.length; n++) keys.add(sessionStorage.key(n) ?? '') } catch { /* none is stored */ }
  return [...keys].filter(key => key.startsWith(PREFIX))
}

/** What a key is made of: tenant, page, user, about. @param {string} key  @returns {(string | null)[]} */
function parts(key) {
  try { return JSON.parse(key.slice(PREFIX.length)) } catch { return [] }
}

/** The server has said who is here: what nobody had written in this tab is theirs. @param {PageState} state */
export function claim(state) {
  for (const key of all()) {
    const [, urlId, user, about] = parts(key)
    if (user !== null || !urlId || !about) continue
    const there = { ...state, urlId }
    keep(there, about, [stored(keyOf(there, about)), stored(key)].filter(Boolean).join('\n'))
  }
}

/** Discussions of this page that this reader has begun: what they are about, as it was given to `keep`, and the words. @param {PageState} state  @returns {{about: string, selector: import('../typed/types.js').Selector[], words: string}[]} */
export function begun(state) {
  const found = []
  for (const key of all()) {
    try {
      const about = parts(key)[3] ?? ''
      const words = about[0] === '[' && [keyOf(state, about), keyOf({ urlId: state.urlId }, about)].includes(key) ? unsent(state, about) : ''
      if (words.trim()) found.push({ about, selector: JSON.parse(about), words })
    } catch { /* somebody else's */ }
  }
  return found
}

/** Whoever comes next did not write what is nobody's. */
export function forgetNobodys() {
  for (const key of all()) {
    if (parts(key)[2] !== null) continue
    kept.delete(key)
    try { sessionStorage.removeItem(key) } catch { /* none is stored */ }
  }
}
