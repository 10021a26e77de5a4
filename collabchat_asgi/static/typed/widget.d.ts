/** The types of widget.js. Only type checkers read this file; browsers never load it. */

import type { CollabClient } from './client.js'
import type { AnchorState, Chat, ErrorEvent, StatusEvent, Token, User } from './types.js'

/** Given the address and what the page would be called; nothing means that name. */
export type PageNamer = (address: URL, usual: string) => string | undefined

/** What can be written on the element. */
export interface WidgetAttributes {
  root?: string
  page?: string
  tenant?: string
  theme?: 'auto' | 'light' | 'dark'
  prefix?: string
  bar?: 'top-left' | 'top-right' | 'bottom-left' | 'bottom-right' | 'none' | (string & {})
  signin?: string
  lang?: string
  print?: '' | (string & {})
}

/** Texts by their English; what counts has a form for each class of numbers of `Intl.PluralRules`. */
export type Texts = Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>

export interface WidgetOptions extends Omit<WidgetAttributes, 'root'> {
  token?: Token
  pageId?: PageNamer
  words?: Texts
  client?: CollabClient
}

/** What a framework may give the element in its markup. */
export type WidgetProperties = WidgetAttributes & Pick<WidgetOptions, 'token' | 'pageId' | 'words' | 'client'>

export class CollabChatElement extends HTMLElement {
  /** What is annotated, where that is an element and no selector. */
  rootElement: Element | undefined
  /** A client of the host's own, which the host also ends. */
  client: CollabClient | undefined
  /** Another token is another visitor. */
  token: Token | undefined
  /** Names the page by its address; asked again after each navigation. */
  pageId: PageNamer | undefined
  /** Texts in place of the widget's own. */
  words: Texts | undefined
  /** Undefined until the server has said who is here, and while nobody is signed in. */
  readonly user: User | undefined
  /** What the page is called; empty before the widget begins, and after its end. */
  readonly urlId: string
  threads(): readonly Chat[]
  /** Opens a discussion, or the list without an id. */
  open(chatId?: string): void
  /** What became of a discussion's passage; undefined until it was looked for. */
  anchorState(chatId: string): AnchorState | undefined
  /** Begins a discussion of what is selected. Returns whether there was something. */
  createFromSelection(): boolean
  /** Begins a discussion of the page as a whole. */
  discussPage(): void
  setPage(urlId: string): void
  /** Looks for all passages again. */
  reanchor(): void
  /** Begins anew, such as after signing in. */
  restart(): void
  /** Ends everything and takes the element away. */
  destroy(): void
}

/** Puts the widget on a page for what is in `root`. */
export function mount(root: Element, options?: WidgetOptions): CollabChatElement

export interface WidgetEvents {
  'collabchat:ready': CustomEvent<{ urlId: string }>
  'collabchat:thread-open': CustomEvent<{ chatId: string }>
  'collabchat:thread-created': CustomEvent<{ chatId: string }>
  /** Told again once `users` are known: until then they are left out. */
  'collabchat:count': CustomEvent<{ users?: number; chats: number }>
  'collabchat:status': CustomEvent<StatusEvent>
  'collabchat:error': CustomEvent<ErrorEvent>
  'collabchat:signin': CustomEvent<null>
}

declare global {
  interface HTMLElementTagNameMap { 'collab-chat': CollabChatElement }
  interface HTMLElementEventMap extends WidgetEvents {}
  interface DocumentEventMap extends WidgetEvents {}
}
