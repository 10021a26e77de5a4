/** How many people, how many discussions, and whether the connection lives. */

/** @import { PageState } from './types.js' */
import { fill, h, icon, textButton } from './dom.js'
import { discussions, number, people, refused, signedOut, state as stateWords, waiting } from './words.js'

/** @typedef {{toggle: () => void, again: () => void, join: () => void, mayJoin: () => boolean}} BarHost */

/** Of all widgets of the document, from the top down. @type {HTMLElement[]} */
const bars = []
const stack = () => {
  for (const [row, bar] of bars.entries()) for (const [name, value] of Object.entries({ row, rows: bars.length })) bar.parentElement?.style.setProperty('--' + name, String(value))
}

export class Bar {
  /** @param {HTMLElement} face  @param {BarHost} host */
  constructor(face, host) {
    this.host = host
    this.people = h('span', { class: 'people', hidden: true })
    this.list = h('button', { class: 'discussions', 'aria-expanded': 'false', 'aria-haspopup': 'dialog', onclick: host.toggle })
    this.state = h('span', { class: 'state', role: 'status', hidden: true })
    this.again = textButton('Try again', host.again, { hidden: true })
    this.join = textButton('Sign in', host.join, { class: 'text-button join', hidden: true })
    this.element = h('div', { class: 'bar', part: 'bar', role: 'group', 'aria-label': 'Discussions on this page' }, this.state, this.people, this.list, this.join, this.again)
    face.append(this.element)
    bars.push(this.element)
    stack()
  }

  /** @param {PageState} state  @param {number} open discussions that are not resolved */
  update(state, open) {
    const { users, status, reason, pending } = state
    const known = users !== undefined && users > 0 && status === 'live'
    this.people.hidden = !known
    if (known) say(this.people, people(users), icon('people'), number(users))
    // Before the page was ever loaded nobody knows whether there are any.
    if (state.loaded || open) say(this.list, discussions(open), icon('chat'), number(open))
    else say(this.list, 'Discussions', icon('chat'))
    const words = stateWords(state)
    // A short trouble is nobody's business: first only the dot changes, and words come after five seconds.
    this.state.hidden = !words || status === 'closed'
    this.state.classList.toggle('refused', status === 'refused')
    const full = status === 'offline' && pending ? `${words} · ${waiting(pending)}` : words
    if (this.state.dataset.words !== full) {
      this.state.dataset.words = full
      fill(this.state, full)
      this.state.title = reason ? refused(reason) : ''
    }
    this.again.hidden = status !== 'refused'
    this.join.hidden = !(status === 'refused' && signedOut(reason) && this.host.mayJoin())
  }

  destroy() {
    bars.splice(bars.indexOf(this.element), 1)
    stack()
  }

  /** @param {boolean} expanded */
  expanded(expanded) { this.list.setAttribute('aria-expanded', String(expanded)) }
}

/** @param {HTMLElement} element  @param {string} words  @param {...(Node | string)} children */
function say(element, words, ...children) {
  if (element.title === words) return
  element.title = words
  element.setAttribute('aria-label', words)
  if (element.tagName === 'SPAN') element.setAttribute('role', 'img')
  fill(element, ...children)
}
