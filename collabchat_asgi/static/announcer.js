/** News for those who hear the page: gathered, so that a lively page does not talk without end. */
import { h } from './dom.js'
import { newComments } from './words.js'

const EVERY = 5000

export class Announcer {
  #news = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {HTMLElement} face */
  constructor(face) {
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
      this.say(newComments(this.#news))
      this.#news = 0
    }, EVERY)
  }

  destroy() { clearTimeout(this.#timer) }
}
