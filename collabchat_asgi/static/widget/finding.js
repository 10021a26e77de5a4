/** Looking for a discussion in the list: a field for words, and who wrote. Loaded with the first list that is opened. */

/** @import { Chat, Comment } from '../typed/types.js' */
/** @import { PanelHost } from './panel.js' */
import { fill, h, nameOf, textButton } from './dom.js'
import { findingSheet } from './findingstyles.js'
import { Matching, people } from './matching.js'
import { Present } from './present.js'
import { thrown } from './refusals.js'

export class Finding {
  #matching
  #present
  #known = ''

  /** @param {HTMLElement} element where it goes, below the head of the list  @param {PanelHost} host  @param {() => void} changed something else is looked for */
  constructor(element, { words, page }, changed) {
    this.words = words
    this.page = page
    this.#present = new Present(/** @type {Element} */ (element.previousElementSibling), words)
    page.on('presence', () => this.#here())
    this.#matching = new Matching(user => nameOf(words, user), words.say('The page as a whole'))
    const label = words.say('Search discussions')
    this.input = h('input', { type: 'search', 'data-key': 'search', placeholder: label, 'aria-label': label, autocomplete: 'off', spellcheck: 'false', enterkeyhint: 'search', oninput: changed })
    this.select = h('select', { 'data-key': 'by', 'aria-label': words.say('By whom'), onchange: changed })
    fill(element, this.input, this.select)
    const shadow = /** @type {ShadowRoot} */ (element.getRootNode()), look = findingSheet(), { adoptedStyleSheets: looks } = shadow
    if (!looks.includes(look)) shadow.adoptedStyleSheets = [...looks, look]
  }

  #here() { this.#present.update(this.page.state.people ?? []) }

  /** Who comes next must not find what was looked for. */
  empty() {
    this.input.value = ''
    this.#known = ''
    fill(this.select)
    this.#present.update([])
  }

  /** The words that are looked for. */
  get said() { return this.input.value.trim() }

  /** @param {readonly Chat[]} chats of the page  @returns {Map<Chat, Comment | undefined> | undefined} with what to show of each; undefined where nothing is looked for */
  among(chats) {
    const { words, select } = this
    this.#here()
    const here = [...people(chats)].map(([id, user]) => ({ id, name: nameOf(words, user) })).sort((one, other) => one.name.localeCompare(other.name, words.locale))
    const known = here.map(({ id, name }) => `${id}\n${name}`).join('\n\n')
    if (known !== this.#known) {
      const { value } = select
      this.#known = known
      fill(select, ...[{ id: '', name: words.say('Everyone') }, ...here].map(({ id, name }) => h('option', { value: id, dir: 'auto' }, name)))
      select.value = here.some(({ id }) => id === value) ? value : ''
    }
    select.hidden = here.length < 2
    return this.said || select.value ? this.#matching.found(chats, this.said, select.value) : undefined
  }

  /** What brings the messages that are not loaded, where words are looked for and there are such. @param {readonly Chat[]} chats of the page  @param {HTMLElement} told where it is said that they cannot come */
  further(chats, told) {
    const more = this.said ? chats.filter(each => each.commentCount > each.comments.length) : []
    return more.length > 0 && textButton(this.words.say('Search earlier messages too'), async () => {
      try {
        // One after another: a long page has many.
        for (const { id } of more) await this.page.loadOlder(id, 1000)
      } catch (error) {
        told.textContent = thrown(this.words, error)
      }
    }, { 'data-key': 'further' })
  }
}
