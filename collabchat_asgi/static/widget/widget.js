/**
 * Discussions of a page's text, with one script and one element:
 *
 *     <script type="module" src="/collabchat/widget.js"></script>
 *     <collab-chat root="main"></collab-chat>
 *
 * Attributes, all optional: `root` (selector of what can be discussed; otherwise `main`, else the whole page), `page` (the
 * urlId; otherwise the path: see pageid.js), `tenant`, `theme` (`auto`, `light`, `dark`), `prefix`, `lang`.
 * Properties: `token` (a text or a function) signs a visitor in where cookies do not; `pageId` (a function) names pages;
 * `words` says it in others.
 * Events, which bubble: `collabchat:ready`, `…:thread-open`, `…:thread-created`, `…:count`, `…:status`, `…:error`.
 *
 * Or by hand:
 *
 *     import { mount } from '/collabchat/widget.js'
 *     const chat = mount(document.querySelector('article'), { page: 'book-1', token: () => getToken() })
 *     chat.threads(); chat.open(chatId); chat.createFromSelection(); chat.setPage('book-2'); chat.reanchor(); chat.destroy()
 */

/** @import { Chat, Token, User } from '../typed/types.js' */
/** @import { CollabClient } from '../client/client.js' */
/** @import { Texts, Words } from './words.js' */
import { languageOf, wordsOf } from './language.js'
import { Life } from './life.js'
import { widgetSheet } from './styles.js'

/** @typedef {{page?: string, tenant?: string, theme?: 'auto' | 'light' | 'dark', prefix?: string, lang?: string, token?: Token, pageId?: PageNamer, words?: Texts, client?: CollabClient}} WidgetOptions */

/** Given the address and what the page would be called; nothing means that name. @typedef {(address: URL, usual: string) => string | undefined} PageNamer */

// A server that draws pages has none, and only imports this.
const { HTMLElement, customElements } = globalThis

export class CollabChatElement extends (HTMLElement ?? Object) {
  static observedAttributes = ['root', 'page', 'tenant', 'theme', 'prefix', 'signin', 'bar', 'print']

  // Both may have been set before this module had arrived.
  /** What is annotated, where that is an element and no selector. @type {Element | undefined} */
  rootElement = /** @type {any} */ (this).rootElement
  /** A client of the host's own, which the host also ends. @type {CollabClient | undefined} */
  client = /** @type {any} */ (this).client
  /** @type {Token | undefined} */
  #token
  /** @type {PageNamer | undefined} */
  #pageId
  /** @type {Texts | undefined} */
  #words
  /** @type {Life | undefined} */
  #life
  #due = false
  /** Of the words that were asked for last. */
  #asked = {}

  constructor() {
    super()
    const shadow = this.attachShadow({ mode: 'open' })
    shadow.adoptedStyleSheets = [widgetSheet()]
  }

  get token() { return this.#token }
  /** Another token is another visitor. @param {Token | undefined} token */
  set token(token) {
    this.#token = token
    this.restart()
  }

  get pageId() { return this.#pageId }
  /** Names the page by its address: for routes in the fragment or the query. Asked again after each navigation. @param {PageNamer | undefined} pageId */
  set pageId(pageId) {
    this.#pageId = pageId
    this.#life?.relocate()
  }

  get words() { return this.#words }
  /** Texts in place of its own, by their English. @param {Texts | undefined} words */
  set words(words) {
    this.#words = words
    this.restart()
  }

  // Every element has a `prefix` that cannot be set, and frameworks try a property before they think of the attribute.
  get prefix() { return this.getAttribute('prefix') }
  /** @param {string | null} prefix */
  set prefix(prefix) { prefix ? this.setAttribute('prefix', prefix) : this.removeAttribute('prefix') }

  connectedCallback() {
    // Set before this module had arrived, a property hides the accessor.
    /** @type {Record<string, any>} */
    const own = this
    for (const name of ['token', 'pageId', 'words']) {
      if (!Object.hasOwn(this, name)) continue
      const value = own[name]
      delete own[name]
      own[name] = value
    }
    this.#life ? this.#life.layer?.moved() : this.#start()
  }

  /** Where a browser can move an element, it loses nothing on the way. */
  connectedMoveCallback() { this.#life?.layer?.moved() }

  /** What is only moved is back in this turn, and goes on. */
  disconnectedCallback() {
    queueMicrotask(() => { if (!this.isConnected && !this.#life?.layer?.rescued()) this.#stop() })
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === 'theme') this.#life?.theme()
    else if (name === 'signin' || name === 'bar' || name === 'print') this.#life?.dress()
    else if (name === 'page' && this.#life) this.#life.relocate()
    else this.restart()
  }

  /** In a turn of its own: a page may set the properties, or move the element, in the same breath. */
  #start() {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      const lang = languageOf(this), words = wordsOf(lang, this.#words)
      const asked = this.#asked = {}
      words instanceof Promise ? words.then(loaded => {
        if (asked === this.#asked) lang === languageOf(this) ? this.#begin(loaded) : this.#start()
      }) : this.#begin(words)
    })
  }

  /** @param {Words} words */
  #begin(words) {
    if (!this.isConnected || this.#life) return
    try {
      this.#life = new Life(this, words)
    } catch (error) {
      // Such as a name of the page that is too long: another one begins anew.
      this.failed(error)
    }
  }

  /** For Life. @internal @param {unknown} error */
  failed(error) {
    console.error('collabchat:', error)
    this.dispatchEvent(new CustomEvent('collabchat:error', { detail: { code: 'invalid', message: String(error) }, bubbles: true, composed: true }))
  }

  #stop() {
    this.#life?.end()
    this.#life = undefined
  }

  /** Where only this page was refused, it is asked for anew. */
  restart() {
    this.#stop()
    if (this.isConnected) this.#start()
  }

  /** In the words that it wanted from the beginning. @internal @param {Words} words */
  speak(words) {
    this.#stop()
    this.#begin(words)
  }

  /** All discussions: what `page.state.chats` of the client holds. @returns {readonly Chat[]} */
  threads() { return this.#life?.page.state.chats ?? [] }

  /** Who the server says is here; undefined until it has, and while nobody is signed in. @returns {User | undefined} */
  get user() { return this.#life?.page.state.user }

  /** What the page is called; empty before it begins, and after its end. @returns {string} */
  get urlId() { return this.#life?.page.state.urlId ?? '' }

  /** Opens a discussion, or the list without an id. @param {string} [chatId] */
  open(chatId) { this.#life?.open(chatId) }

  /** What became of a discussion's passage; undefined until it was looked for. @param {string} chatId  @returns {import('../typed/types.js').AnchorState | undefined} */
  anchorState(chatId) { return this.#life?.places.get(chatId)?.state }

  /** Begins a discussion of what is selected. @returns {boolean} whether there was something */
  createFromSelection() { return this.#life?.discussSelection() ?? false }

  /** Begins a discussion of the page as a whole. */
  discussPage() { this.#life?.discussPage() }

  /** For applications that navigate without loading. @param {string} urlId */
  setPage(urlId) { this.setAttribute('page', urlId) }

  /** Looks for all passages again; needed only where a page changes in ways that no observer sees. */
  reanchor() { this.#life?.places.reread() }

  /** Ends everything and takes the element away. */
  destroy() {
    this.#stop()
    this.remove()
  }
}

/**
 * Puts the widget on a page for what is in `root`.
 * @param {Element} root  @param {WidgetOptions} [options]
 * @returns {CollabChatElement}
 */
export function mount(root, { token, client, pageId, words, ...attributes } = {}) {
  const element = /** @type {CollabChatElement} */ (document.createElement('collab-chat'))
  element.rootElement = root
  element.client = client
  element.token = token
  element.pageId = pageId
  element.words = words
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value)
  document.body.append(element)
  return element
}

if (customElements && !customElements.get('collab-chat')) customElements.define('collab-chat', CollabChatElement)
