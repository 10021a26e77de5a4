/** How far this person has read a page, on any device, and what others have written there since. */

/** @import { Environment, PageEvent } from '../typed/types.js' */
/** @import { ConfirmedPage } from './confirmed.js' */
import { Timer } from './browser.js'
import { count, readEvents } from './protocol.js'

/** At most one frame in so many milliseconds. */
const PAUSE = 1000
/** Of one request, and requests in one go: a page that went on further is not read by its numbers. */
const EVENTS = 1000, TIMES = 5

/** `ts` by the server's clock. @typedef {{chatId: string, seq: number, ts: number}} Unread */

export class Reading {
  /** The number up to which everything is read; undefined: never here. @type {number | undefined} */
  seq
  /** Comments of others after it, by their ids. @type {Map<string, Unread>} */
  unread = new Map()
  /** What the server knows. */
  #sent = -1
  /** It is of an older release, and does not keep it. */
  #mute = false
  /** The snapshot of which all is known that came after what was read. */
  #generation = 0
  /** How far the page had come when a discussion was read: that may be before all this is known, or told by the log once more. @type {Map<string, number>} */
  #marked = new Map()

  /**
   * @param {string} urlId  @param {ConfirmedPage} page  @param {Environment} env  @param {import('./older.js').Get} get  @param {AbortSignal} signal
   * @param {(seq: number) => boolean} send whether it left  @param {() => void} changed
   */
  constructor(urlId, page, env, get, signal, send, changed) {
    this.urlId = urlId
    this.page = page
    this.get = get
    this.signal = signal
    this.send = send
    this.changed = changed
    this.pause = new Timer(env)
  }

  /** Who comes now is somebody else, or the page is another history. */
  clear() {
    this.seq = undefined
    this.unread.clear()
    this.#marked.clear()
    this.#sent = -1
    this.#generation = 0
  }

  /** The connection is gone, or goes: a tab that is closed may never come back. */
  lost() {
    this.leave()
    this.#mute = false
  }

  /** Nobody looks any more: what waits for the pause to end is told now. */
  leave() {
    this.pause.stop()
    this.#pump()
    this.pause.stop()
  }

  refused() { this.#mute = true }

  /** What the server says that is read. @param {unknown} seq */
  told(seq) {
    const read = count(seq)
    this.#sent = Math.max(this.#sent, read)
    if (this.#to(read)) this.changed()
  }

  /** Up to date: what happened before this tab came is asked for once. @param {string | undefined} me */
  caughtUp(me) {
    if (this.#generation !== this.page.generation) this.#ask(me)
    this.#pump()
  }

  /** @param {PageEvent} event  @param {string | undefined} me */
  happened(event, me) {
    if (event.type === 'deleted-text-chat') for (const [id, { chatId }] of this.unread) if (chatId === event.chatId) this.unread.delete(id)
    if (event.type === 'updated-text-chat' && event.change === 'comment-deleted') this.unread.delete(event.commentId)
    if (this.seq === undefined || event.seq <= this.seq || event.user.id === me) return
    const { seq, ts } = event
    if (event.type === 'new-text-chat') this.unread.set(event.chat.comment.id, { chatId: event.chat.id, seq, ts })
    if (event.type === 'updated-text-chat' && event.change === 'comment-added') this.unread.set(event.comment.id, { chatId: event.chatId, seq, ts })
  }

  /** Everything was read, or one discussion: the number then stands before what is still unread. @param {string} [chatId]  @param {number} [until] the number that it was read at */
  mark(chatId, until = this.page.position.seq) {
    const had = this.unread.size
    let first = Infinity
    if (chatId !== undefined) {
      this.#marked.set(chatId, until)
      if (this.seq !== undefined && this.#generation !== this.page.generation) return
    }
    for (const [id, each] of this.unread) {
      if (each.seq <= until && (chatId === undefined || each.chatId === chatId)) this.unread.delete(id)
      else first = Math.min(first, each.seq)
    }
    const moved = this.#to(Math.min(this.page.position.seq, first - 1))
    this.#pump()
    if (moved || had !== this.unread.size) this.changed()
  }

  /** @param {number} seq */
  #to(seq) {
    if (this.seq !== undefined && seq <= this.seq) return false
    this.seq = seq
    for (const [id, each] of this.unread) if (each.seq <= seq) this.unread.delete(id)
    return true
  }

  #pump() {
    const { seq } = this
    if (seq === undefined || seq <= this.#sent || this.#mute || this.pause.set || !this.send(seq)) return
    this.#sent = seq
    this.pause.start(PAUSE, () => this.#pump())
  }

  /** Comments carry no number: only the log tells which are after the one that was read. @param {string | undefined} me */
  async #ask(me) {
    const { page, urlId } = this, { generation, position: { epoch, seq: last } } = page, from = this.seq ?? last
    // The log may no longer tell what was deleted meanwhile. What is older than all that is loaded may still be there.
    for (const [id, { chatId, ts }] of this.unread) {
      const { comments, commentCount } = page.chats.get(chatId) ?? { comments: [], commentCount: 0 }
      if (!comments.some(each => each.id === id) && !(comments.length < commentCount && ts < comments[0]?.createdAt)) this.unread.delete(id)
    }
    try {
      for (let after = from, times = 0; after < last && times < TIMES; times++) {
        const tail = readEvents(await this.get('v1/events', { urlId, epoch, after, limit: EVENTS }, this.signal))
        if (page.generation !== generation || this.#generation === generation) return
        for (const event of tail.events) this.happened(event, me)
        after = tail.last
      }
    } catch { /* nothing is marked: the log no longer reaches there, or nobody answers */ }
    if (page.generation !== generation) return
    this.#generation = generation
    for (const [chatId, until] of this.#marked) this.mark(chatId, until)
    if (from < last) this.changed()
  }
}
