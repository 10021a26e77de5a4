/** Words that were begun and not sent: closing a card loses none, and neither does a reload of this tab. They are their writer's alone. */

/** @import { PageState } from '../typed/types.js' */
import { json } from '../json.js'

/** @typedef {ReturnType<typeof unsentAt>} Unsent */

/** Where nothing may be stored, or before anybody is known. @type {Map<string, string>} */
const kept = new Map()

const PREFIX = 'collabchat:unsent:'
/** As releases before this one called it, of whichever server: what they have left is read, and goes with the first change. @param {string} key */
const older = key => key.slice(0, key.lastIndexOf('"]') + 2)

/** @param {string} key */
function stored(key) {
  const words = kept.get(key)
  try { return words ?? sessionStorage.getItem(key) ?? sessionStorage.getItem(older(key)) ?? '' } catch { return words ?? '' }
}

/** What a key is made of: tenant, page, user, about. @param {string} key  @returns {(string | null)[]} */
function parts(key) {
  try { return JSON.parse(older(key).slice(PREFIX.length)) } catch { return [] }
}

/** @param {string} server where collabchat answers: an origin may have several */
export function unsentAt(server) {
  /** @param {Pick<PageState, 'urlId' | 'user' | 'tenantId'>} state  @param {string} [about] a chat, a passage or a comment */
  const keyOf = ({ urlId, user, tenantId }, about = '') => PREFIX + json([tenantId, urlId, user?.id, about]) + server

  /** Every key of ours. @returns {string[]} */
  const all = () => {
    const keys = new Set(kept.keys())
    try { for (let n = 0; n < sessionStorage.length; n++) keys.add(sessionStorage.key(n) ?? '') } catch { /* none is stored */ }
    return [...keys].filter(key => key.startsWith(PREFIX) && [server, ''].includes(key.slice(older(key).length)))
  }

  /** What was written before anybody was known belongs to who turns out to be here. @param {PageState} state  @param {string} about  @returns {string} */
  const words = (state, about) => stored(keyOf(state, about)) || stored(keyOf({ urlId: state.urlId }, about))

  /** @param {PageState} state  @param {string} about  @param {string} written */
  const keep = (state, about, written) => {
    const key = keyOf(state, about), nobodys = keyOf({ urlId: state.urlId }, about)
    kept.delete(nobodys)
    written ? kept.set(key, written) : kept.delete(key)
    try {
      for (const each of [nobodys, older(nobodys), older(key)]) sessionStorage.removeItem(each)
      written ? sessionStorage.setItem(key, written) : sessionStorage.removeItem(key)
    } catch { /* then they live as long as the page does */ }
  }

  return {
    words, keep,

    /** The server has said who is here: what nobody had written in this tab is theirs. @param {PageState} state */
    claim(state) {
      for (const key of all()) {
        const [, urlId, user, about] = parts(key)
        if (user !== null || !urlId || !about) continue
        const there = { ...state, urlId }
        keep(there, about, [stored(keyOf(there, about)), stored(key)].filter(Boolean).join('\n'))
      }
    },

    /** Discussions of this page that this reader has begun: what they are about, as it was given to `keep`, and the words. @param {PageState} state  @returns {{about: string, selector: import('../typed/types.js').Selector[], words: string}[]} */
    begun(state) {
      const found = new Map()
      for (const key of all()) {
        try {
          const about = parts(key)[3] ?? ''
          const written = about[0] === '[' && [keyOf(state, about), keyOf({ urlId: state.urlId }, about)].some(each => older(each) === older(key)) ? words(state, about) : ''
          if (written.trim()) found.set(about, { about, selector: JSON.parse(about), words: written })
        } catch { /* somebody else's */ }
      }
      return [...found.values()]
    },

    /** Whoever comes next did not write what is nobody's. */
    forgetNobodys() {
      for (const key of all()) {
        if (parts(key)[2] !== null) continue
        kept.delete(key)
        try { sessionStorage.removeItem(key) } catch { /* none is stored */ }
      }
    },
  }
}
