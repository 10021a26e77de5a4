/** Comments older than those that a page brings: read over HTTP, when a reader asks and when a snapshot left them in doubt. */

/** @import { ConfirmedPage } from './confirmed.js' */
import { CollabError, Malformed, list, readComment } from './protocol.js'

/** Of one request. */
const MOST = 1000
/** A snapshot meanwhile makes an answer useless: ask again, but not for ever. */
const TRIES = 4

/** @typedef {(path: string, query: Record<string, string | number | undefined>, signal: AbortSignal) => Promise<any>} Get */

export class OlderComments {
  /** @type {Map<string, Promise<boolean>>} */
  #loading = new Map()
  /** One after another: a server that has just come back has more to do. @type {Promise<void>} */
  #rereading = Promise.resolve()

  /** @param {string} urlId  @param {ConfirmedPage} page  @param {Get} get  @param {AbortSignal} signal  @param {() => void} changed */
  constructor(urlId, page, get, signal, changed) {
    this.urlId = urlId
    this.page = page
    this.get = get
    this.signal = signal
    this.changed = changed
  }

  /** @param {string} chatId  @param {number} limit  @returns {Promise<boolean>} whether there are more */
  load(chatId, limit) {
    const running = this.#loading.get(chatId)
    if (running) return running
    const loading = this.#load(chatId, Math.min(Math.max(1, limit), MOST)).finally(() => this.#loading.delete(chatId))
    this.#loading.set(chatId, loading)
    return loading
  }

  /** What a snapshot left in doubt. @param {ReturnType<ConfirmedPage['replace']>} doubtful */
  reread(doubtful) {
    const { page } = this, { generation } = page
    const current = () => generation === page.generation && !this.signal.aborted
    for (const { chatId, older, stale } of doubtful) {
      this.#rereading = this.#rereading.then(() => current() ? this.#read(chatId, older, stale) : undefined).then(() => {}, () => {
        if (!current()) return
        // Better a shorter thread than one that may show what was deleted.
        page.older({ chatId, events: [] }, [], stale)
        this.changed()
      })
    }
  }

  /** @param {string} chatId  @param {number} limit  @returns {Promise<boolean>} */
  async #load(chatId, limit) {
    for (let tries = 0; tries < TRIES; tries++) {
      await this.#rereading
      const more = await this.#read(chatId, limit)
      if (more !== undefined) return more
    }
    throw new CollabError('unavailable', 'The page changed too often')
  }

  /** @param {string} chatId  @param {number} limit  @param {Set<string>} [stale]  @returns {Promise<boolean | undefined>} undefined where a snapshot came between */
  async #read(chatId, limit, stale = new Set()) {
    if (this.signal.aborted) throw new CollabError('invalid', 'This page was closed')
    const { page } = this, { generation } = page
    const comments = page.chats.get(chatId)?.comments ?? []
    const before = comments[comments.findLastIndex(comment => stale.has(comment.id)) + 1]?.id
    const journal = page.listen(chatId)
    try {
      const given = await this.get('v1/comments', { urlId: this.urlId, chatId, before, limit: Math.min(limit, MOST) }, this.signal)
      const read = list(given.comments, readComment)
      if (generation !== page.generation) return undefined
      page.older(journal, read, stale)
      this.changed()
      return given.more === true
    } catch (error) {
      throw error instanceof Malformed ? new CollabError('protocol', error.message) : error
    } finally {
      page.forget(journal)
    }
  }
}
