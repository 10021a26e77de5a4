/** How many people, how many discussions, and whether the connection lives. */

/** @import { PageState } from '../typed/types.js' */
/** @import { Words } from './words.js' */
import { fill, h, icon, nameOf, textButton } from './dom.js'
import { widgetSheet } from './styles.js'
import { signedOut, state as stateWords } from './troubles.js'

/** @typedef {{words: Words, toggle: () => void, again: () => void, join: () => void, mayJoin: () => boolean}} BarHost */

/** Of all widgets of the document, from the top down. @type {HTMLElement[]} */
const bars = []
const stack = () => bars.forEach((bar, row) => bar.parentElement?.style.setProperty('--row', String(row)))

export class Bar {
  /** @param {HTMLElement} face  @param {BarHost} host */
  constructor(face, host) {
    const { words } = host
    this.host = host
    this.people = h('span', { class: 'people', role: 'img', hidden: true })
    this.list = h('button', { class: 'discussions', 'aria-expanded': 'false', 'aria-haspopup': 'dialog', onclick: host.toggle })
    this.state = h('span', { class: 'state', role: 'status', hidden: true })
    this.again = textButton(words.say('Try again'), host.again, { hidden: true })
    this.join = textButton(words.say('Sign in'), host.join, { class: 'text-button join', hidden: true })
    this.element = h('div', { class: 'bar', part: 'bar', role: 'group', 'aria-label': words.say('Discussions on this page') }, this.state, this.people, this.list, this.join, this.again)
    this.face = face
    this.place('')
  }

  /** Says more of a refusal, once card and list have come. @param {PageState} _state */
  why = _state => ''

  /** @param {PageState} state  @param {number} open discussions that are not resolved  @param {number} unread comments that are new to this reader */
  update(state, open, unread) {
    const { users, status, reason, pending } = state, { words } = this.host
    const known = users !== undefined && users > 0 && status === 'live'
    this.people.hidden = !known
    if (known) {
      const here = words.count(users, '{n} person here', '{n} people here'), names = state.people?.map(each => nameOf(words, each))
      say(this.people, names ? `${here}: ${new Intl.ListFormat(words.locale).format(names)}` : here, icon('people'), words.number(users))
    }
    // Before the page was ever loaded nobody knows whether there are any.
    const seen = (/** @type {number} */ n, name = '') => h('span', { class: name, 'aria-hidden': 'true' }, words.number(n))
    const fresh = unread ? [seen(unread, 'new')] : []
    if (state.loaded || open) say(this.list, [words.count(open, '{n} discussion', '{n} discussions'), ...unread ? [words.count(unread, '{n} new comment', '{n} new comments')] : []].join(', '), icon('chat'), seen(open), ...fresh)
    else say(this.list, words.say('Discussions'), icon('chat'))
    const short = stateWords(words, state)
    // A short trouble is nobody's business: first only the dot changes, and words come after five seconds.
    this.state.hidden = !short || status === 'closed'
    this.state.classList.toggle('refused', status === 'refused')
    const full = status === 'offline' && pending ? `${short} · ${words.count(pending, '{n} waiting to be sent', '{n} waiting to be sent')}` : short
    if (this.state.dataset.words !== full) {
      this.state.dataset.words = full
      fill(this.state, full)
    }
    this.state.title = status === 'refused' ? this.why(state) : ''
    this.again.hidden = status !== 'refused'
    this.join.hidden = !(status === 'refused' && signedOut(reason) && this.host.mayJoin())
  }

  /**
   * Where the page's own controls leave room: a corner, an element of the page, or nowhere.
   * @param {string} where `top-right`, `top-left`, `bottom-right`, `bottom-left`, `none`, or a selector such as `#here`
   */
  place(where) {
    this.#take()
    const corner = /^(top|bottom)-(left|right)$/.test(where)
    this.element.hidden = where === 'none'
    // Nobody sees it until it has a corner (corners.js).
    this.element.dataset.at = corner ? where : ''
    const wanted = !!where && !corner && where !== 'none', home = wanted && document.querySelector(where)
    if (wanted && !home && !this.#wanted) console.warn(`collabchat: bar="${where}" is neither top-right, top-left, bottom-right, bottom-left, none, nor an element of this page`)
    this.#wanted = wanted
    if (home) {
      this.#inline = h('span', { class: 'inline', 'data-collabchat-ignore': true })
      const shadow = this.#inline.attachShadow({ mode: 'open' })
      shadow.adoptedStyleSheets = [widgetSheet()]
      shadow.append(h('div', { class: this.face.className, lang: this.face.lang, dir: this.face.dir }, this.element))
      home.append(this.#inline)
    } else {
      this.face.prepend(this.element)
      if (!this.element.hidden) bars.push(this.element)
    }
    stack()
  }

  /** Whether it is where `place` would put it now. @param {string} where */
  inPlace(where) { return this.#inline ? this.#inline.isConnected : !this.#wanted || !document.querySelector(where) }

  #wanted = false

  /**
   * What is covered in the window by this bar and those stacked with it; nothing where it is hidden.
   * @returns {{left: number, top: number, right: number, bottom: number} | undefined}
   */
  covered() {
    const { element } = this
    const boxes = bars.includes(element) ? bars.filter(each => each.dataset.at === element.dataset.at) : [element]
    const rects = boxes.map(each => each.getBoundingClientRect())
    if (!element.offsetWidth) return undefined
    const all = (/** @type {'left' | 'top' | 'right' | 'bottom'} */ side) => rects.filter(({ width }) => width).map(rect => rect[side])
    return { left: Math.min(...all('left')), top: Math.min(...all('top')), right: Math.max(...all('right')), bottom: Math.max(...all('bottom')) }
  }

  /** As the rest of the widget. @param {boolean} dark */
  theme(dark) { this.#inline?.shadowRoot?.firstElementChild?.classList.toggle('dark', dark) }

  /** @type {HTMLElement | undefined} */
  #inline

  #take() {
    const at = bars.indexOf(this.element)
    if (at >= 0) bars.splice(at, 1)
    this.#inline?.remove()
    this.#inline = undefined
  }

  destroy() {
    this.#take()
    stack()
  }

  /** @param {boolean} expanded */
  expanded(expanded) { this.list.setAttribute('aria-expanded', String(expanded)) }
}

/** @param {HTMLElement} element  @param {string} words  @param {...(Node | string)} children */
function say(element, words, ...children) {
  if (element.title === words) return
  element.title = words
  if (element.tagName === 'SPAN') element.setAttribute('aria-label', words)
  // Not by a label: a button is named by what stands on it, and the numbers alone say nothing.
  else children.unshift(h('span', { class: 'hidden' }, words))
  fill(element, ...children)
}
