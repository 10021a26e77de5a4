/** The discussions on paper, where a page asks for it: notes in the place of the element, in the order of the text. */

/** @import { Page } from '../client/client.js' */
/** @import { Words } from './words.js' */
import { moment } from './ages.js'
import { ofPage, quoted } from '../anchors/describe.js'
import { fill, h, nameOf } from './dom.js'
import { formatted } from './formatted.js'

const LOOKS = `.notes { display: none }
@media print {
  :host { position: static !important; display: block; color: #000; font: 10pt/1.4 var(--collabchat-font, system-ui, sans-serif) }
  .notes { display: block; margin-top: 2em; border-top: 1px solid }
  .notes h2 { font-size: 13pt; break-after: avoid }
  .notes li { break-inside: avoid; margin-bottom: 1em }
  .notes blockquote { margin: 0 0 .3em; font-style: italic }
  .notes p, .said { margin: 0 0 .3em; overflow-wrap: anywhere }
  .notes .by { margin: 0; break-after: avoid }
  .said { white-space: pre-wrap }
  .said :is(ul, ol, pre, blockquote) { margin: .3em 0 }
  .said :is(ul, ol) { white-space: normal }
  .said li { margin: 0; white-space: pre-wrap }
  .said a { color: inherit }
}`

/** @typedef {{words: Words, page: Page, markdown: import('./formatted.js').Markdown, position: (chatId: string) => number}} NotesHost `position` in the text; before it, where there is none */

/** As on the screen, with the addresses of links, which nobody can follow on paper. @param {import('./formatted.js').Markdown} markdown  @param {string} body */
function said(markdown, body) {
  const all = h('div', { class: 'said', dir: 'auto' }, ...formatted(markdown, body))
  for (const link of all.querySelectorAll('a')) if (!link.href.includes(link.textContent)) link.append(` (${link.href})`)
  return all
}

export class Notes {
  #element = h('section', { class: 'notes', 'aria-hidden': 'true' })
  #sheet = new CSSStyleSheet()
  #ending = new AbortController()

  /** @param {ShadowRoot} shadow  @param {NotesHost} host */
  constructor(shadow, host) {
    const { signal } = this.#ending
    this.shadow = shadow
    this.host = host
    this.#sheet.replaceSync(LOOKS)
    shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, this.#sheet]
    shadow.append(this.#element)
    addEventListener('beforeprint', () => this.#draw(), { signal })
    matchMedia('print').addEventListener('change', ({ matches }) => { if (matches) this.#draw() }, { signal })
  }

  #draw() {
    const { words, page, markdown, position } = this.host
    const chats = [...page.state.chats].sort((one, other) => position(one.id) - position(other.id))
    fill(this.#element, h('h2', {}, words.say('Discussions')), h('ol', {}, ...chats.map(({ anchor, comments, commentCount, resolved }) => h('li', {},
      h('blockquote', { dir: 'auto' }, ofPage(anchor) ? words.say('The page as a whole') : quoted(anchor)),
      commentCount > comments.length && h('p', {}, '…'),
      ...comments.flatMap(({ author, body, createdAt }) => [
        h('p', { class: 'by' }, h('strong', {}, h('bdi', {}, nameOf(words, author))), `, ${moment(words, createdAt)}`),
        said(markdown, body),
      ]),
      resolved && h('p', {}, words.say('Resolved by {name}', { name: nameOf(words, resolved.by) }))))))
  }

  destroy() {
    this.#ending.abort()
    this.#element.remove()
    this.shadow.adoptedStyleSheets = this.shadow.adoptedStyleSheets.filter(each => each !== this.#sheet)
  }
}
