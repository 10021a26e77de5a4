/** The messages of the discussion that is open, as a log: what is read stays where it is, whatever comes or goes around it. */

/** @import { Chat, PageState } from '../typed/types.js' */
/** @import { Page } from '../client/client.js' */
/** @import { Words } from './words.js' */
import { fill, h, redraw, textButton } from './dom.js'
import { Message } from './message.js'

/** @typedef {{words: Words, page: Page, markdown: import('./formatted.js').Markdown, kept: import('./unsent.js').Unsent, most: () => number}} Setting `most` code points of a comment */
/**
 * @typedef {object} MessagesHost
 * @property {() => void} close the reader has deleted the last one
 * @property {() => void} seen the end is in sight
 * @property {(chatId: string, error: unknown) => void} failed earlier ones did not come
 * @property {(written: string) => HTMLElement} torn somebody else deleted a message, which the reader was perhaps writing anew: where the focus goes
 */

export class Messages {
  /** @type {Map<string, Message>} */
  #shown = new Map()
  #unseen = 0
  /** Comments that were new to this reader when the discussion was opened. @type {ReadonlySet<string>} */
  fresh = new Set()

  /** @param {Setting} setting  @param {MessagesHost} host */
  constructor(setting, host) {
    this.setting = setting
    this.host = host
    this.element = h('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': setting.words.say('Messages'), tabindex: -1, onscroll: () => { if (this.atEnd) this.#seen() } })
    this.more = h('button', { class: 'fresh', 'aria-live': 'off', hidden: true, onclick: () => this.toEnd() })
  }

  /** @param {string} commentId */
  get(commentId) { return this.#shown.get(commentId) }

  tick() { for (const message of this.#shown.values()) message.tick() }

  clear() {
    this.#shown.clear()
    this.#unseen = 0
    this.more.hidden = true
    fill(this.element)
  }

  get atEnd() { return this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 24 }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight
    this.#seen()
  }

  #seen() {
    this.#unseen = 0
    this.more.hidden = true
    this.host.seen()
  }

  /** @param {Chat | undefined} chat  @param {PageState} state  @param {boolean} offline  @param {boolean} end whether it stays at its end */
  update(chat, state, offline, end) {
    const { element, host, setting: { words } } = this
    const comments = chat?.comments ?? []
    const ids = new Set(comments.map(each => each.id))
    const topmost = element.querySelector('.message'), fromEnd = element.scrollHeight - element.scrollTop
    for (const [id, message] of this.#shown) {
      if (ids.has(id)) continue
      const next = host.torn(message.written)
      redraw(element, () => message.element.remove(), () => next)
      this.#shown.delete(id)
    }
    const missing = (chat?.commentCount ?? 0) - comments.length
    let older = /** @type {HTMLElement | null} */ (element.querySelector('.older'))
    if (missing > 0 && chat) {
      if (!older) element.prepend(older = textButton('', () => this.#loadOlder(chat.id), { class: 'text-button older', 'aria-live': 'off' }))
      older.textContent = words.count(missing, 'Show {n} earlier message', 'Show {n} earlier messages')
    } else if (older) {
      const last = older
      redraw(element, () => last.remove(), () => element)
      older = null
    }
    const lastKnown = comments.findLastIndex(each => this.#shown.has(each.id))
    let added = 0
    /** @type {Element | null} */
    let before = older
    for (let index = 0; index < comments.length; index++) {
      const comment = comments[index]
      let message = this.#shown.get(comment.id)
      if (!message && chat) {
        message = new Message(this.setting, chat.id, host.close)
        this.#shown.set(comment.id, message)
        if (lastKnown >= 0 && index > lastKnown && comment.author.id !== state.user?.id) added++
      }
      if (!message || !chat) continue
      const wanted = /** @type {Element | null} */ (before ? before.nextElementSibling : element.firstElementChild)
      if (message.element !== wanted) before ? before.after(message.element) : element.prepend(message.element)
      before = message.element
      message.update(comment, chat, state, offline)
      const first = comments.findIndex(each => this.fresh.has(each.id)) === index
      if (first) message.element.dataset.new = words.say('New since you were here')
      else delete message.element.dataset.new
    }
    if (element.lastChild !== this.more) element.append(this.more)
    if (end) return this.toEnd()
    // What is read stays where it is; older lines come above.
    if (topmost?.isConnected && element.querySelector('.message') !== topmost) element.scrollTop = element.scrollHeight - fromEnd
    this.#unseen += added
    this.more.hidden = !this.#unseen
    this.more.textContent = words.count(this.#unseen, '{n} new reply', '{n} new replies')
  }

  /** @param {string} chatId */
  async #loadOlder(chatId) {
    try {
      await this.setting.page.loadOlder(chatId)
    } catch (error) {
      this.host.failed(chatId, error)
    }
  }
}
