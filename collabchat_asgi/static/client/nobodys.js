/**
 * Where the tab keeps what was written before the server said who is here: through a reload, for nobody but this tab, and never
 * under the name of whoever was here last. The first `welcome` says whose it is; a sign-out, that nobody will.
 */

/** @import { Environment } from '../typed/types.js' */

/** By page, of one queue's. @typedef {{storage: NonNullable<Environment['session']>, key: string, leave: () => void}} Place */

/** Of this load of the page. Two clients with two tokens may be two people: neither finds the other's. @type {WeakMap<object, Set<string>>} */
const taken = new WeakMap()

export class Nobodys {
  #session
  #prefix

  /** @param {Environment} env  @param {string} server where collabchat answers: an origin may have several  @param {string} [tenantId] as the application names it */
  constructor({ session }, server, tenantId = '') {
    this.#session = session
    this.#prefix = `collabchat:nobodys:${server}:${tenantId}:`
  }

  /** Until it is left, it is one queue's alone. @param {string} urlId  @returns {Place | undefined} */
  place(urlId) {
    const storage = this.#session
    if (!storage) return undefined
    const key = this.#prefix + urlId, keys = taken.get(storage) ?? new Set()
    if (keys.has(key)) return undefined
    taken.set(storage, keys.add(key))
    return { storage, key, leave: () => keys.delete(key) }
  }

  /** Of which pages something is kept, whether or not they are open. @returns {string[]} */
  get pages() {
    const session = this.#session, pages = []
    try {
      for (let index = 0; index < (session?.length ?? 0); index++) {
        const key = session?.key(index) ?? ''
        if (key.startsWith(this.#prefix)) pages.push(key.slice(this.#prefix.length))
      }
    } catch { /* then nothing is kept */ }
    return pages
  }

  /** Nobody will say whose it is. */
  forget() {
    for (const urlId of this.pages) try { this.#session?.removeItem(this.#prefix + urlId) } catch { /* it goes with the tab */ }
  }
}
