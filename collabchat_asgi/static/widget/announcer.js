/** News for those who hear the page: gathered, so that a lively page does not talk without end. */

/** @import { Words } from './words.js' */
import { h } from './dom.js'

const EVERY = 5000

export class Announcer {
  #news = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  /** @type {(() => boolean) | undefined} Whether somebody's words that were said are still on the page. */
  #stands

  /** @param {HTMLElement} face  @param {Words} words */
  constructor(face, words) {
    this.words = words
    this.element = h('div', { class: 'hidden', role: 'status', 'aria-live': 'polite' })
    face.append(this.element)
  }

  /** @param {string} words  @param {() => boolean} [stands] */
  say(words, stands) {
    this.element.textContent = words
    this.#stands = stands
  }

  /** What is gone from the page is not kept here. */
  hush() { if (this.#stands?.() === false) this.say('') }

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
