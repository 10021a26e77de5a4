/** Who is here, at the head of the list, where the server tells it: a few faces, and all the names behind them. */

/** @import { User } from '../typed/types.js' */
/** @import { Words } from './words.js' */
import { avatar } from './avatar.js'
import { fill, h, nameOf } from './dom.js'

/** Faces beside the title: more would not fit in it on a phone. */
const FACES = 4

export class Present {
  #known = ''
  /** @type {readonly User[]} */
  #people = []

  /** @param {Element} head of the list  @param {Words} words */
  constructor(head, words) {
    this.words = words
    this.button = h('button', { class: 'present', 'data-key': 'present', 'aria-expanded': 'false', hidden: true, onclick: () => this.#open(this.names.hidden) })
    this.names = h('ul', { class: 'names', tabindex: 0, hidden: true })
    head.lastElementChild?.before(this.button)
    head.after(this.names)
  }

  /** @param {readonly User[]} people none where it is not told */
  update(people) {
    const { button, names, words } = this
    const known = people.map(({ id, name, avatar: picture }) => `${id}\n${name}\n${picture}`).join('\n\n')
    if (known === this.#known) return
    this.#known = known
    const { compare } = new Intl.Collator(words.locale)
    // Who is alone knows.
    this.#people = people.length > 1 ? [...people].sort((one, other) => compare(nameOf(words, one), nameOf(words, other))) : []
    const { length } = this.#people, label = words.count(length, '{n} person here', '{n} people here')
    // One more face takes no more room than a number.
    const faces = this.#people.slice(0, length > FACES + 1 ? FACES : length)
    fill(this.button, h('span', { class: 'hidden' }, label), ...faces.map(user => avatar(words, user)), faces.length < length && h('span', { 'aria-hidden': 'true' }, `+${words.number(length - faces.length)}`))
    this.button.title = label
    this.names.setAttribute('aria-label', label)
    // What is hidden has no focus any more: it goes to the list.
    const { activeElement } = /** @type {ShadowRoot} */ (button.getRootNode())
    if (!length && (activeElement === button || activeElement === names)) button.closest('section')?.focus({ preventScroll: true })
    button.hidden = !length
    this.#open(!names.hidden && length > 0)
  }

  /** @param {boolean} open */
  #open(open) {
    const { words, names } = this
    this.button.setAttribute('aria-expanded', String(open))
    names.hidden = !open
    fill(names, ...open ? this.#people.map(user => h('li', {}, avatar(words, user), h('bdi', {}, nameOf(words, user)))) : [])
  }
}
