/** News for those who hear the page: gathered, so that a lively page does not talk without end. */

/** @import { Words } from './words.js' */
import { h } from './dom.js'

const EVERY = 5000

export class Announcer {
  #news = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {HTMLElement} face  @param {Words} words */
  constructor(face, words) {
    this.words = words
    this.element = h('div', { class: 'hidden', role: 'status', 'aria-live': 'polite' })
    face.append(this.element)
  }

  /** @param {string} words */
  say(words) { this.element.textContent = words }

  /** @param {number} comments */
  news(comments) {
    this.#news += comments
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.say(this.words.count(this.#news, '{n} new comment', '{n} new comments'))
      this.#news = 0
    }, EVERY)
  }

  destroy() { clearTimeout(this.#timer) }
}
