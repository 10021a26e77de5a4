/** The types of client.js. Only type checkers read this file; browsers never load it. */

import type { Anchor, ClientEvents, ClientOptions, PageEvents, PageState, Sent, StatusEvent, Token, User, Welcome } from './types.js'

export type * from './types.js'

/** What a method throws at once. `code` is one of the wire's error codes. */
export class CollabError extends Error {
  readonly code: string
  constructor(code: string, message: string)
}

declare class Emitter<Events extends object> {
  /** Returns what takes the listener away. */
  on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void
}

/** A page of annotations: made by `client.page(urlId)`. */
export class Page extends Emitter<PageEvents> {
  private constructor()
  /** Immutable; another object after every change. */
  readonly state: PageState
  /** The server's time, in ms since the epoch: a device's own clock may be off. */
  readonly now: number
  createChat(anchor: Anchor, body: string): Sent
  addComment(chatId: string, body: string): Sent
  editComment(chatId: string, commentId: string, body: string): Sent
  /** Deleting the last comment deletes the chat. */
  deleteComment(chatId: string, commentId: string): Sent
  resolve(chatId: string): Sent
  reopen(chatId: string): Sent
  moveAnchor(chatId: string, anchor: Anchor): Sent
  deleteChat(chatId: string): Sent
  addReaction(chatId: string, commentId: string, emoji: string): Sent
  removeReaction(chatId: string, commentId: string, emoji: string): Sent
  /** Call at every keystroke: at most one frame in 3 s leaves. */
  typing(chatId: string): void
  /** Comments of others that this person has not read on any device: their ids, by chat. Empty on a first visit. */
  unread(): ReadonlyMap<string, readonly string[]>
  /** This discussion was read, or without an id the whole page: told to the person's other devices, at most once a second. */
  markRead(chatId?: string): void
  /** Loads comments before the oldest loaded one. Resolves to whether there are more; rejects with a CollabError. */
  loadOlder(chatId: string, limit?: number): Promise<boolean>
  /** Sends a draft again, as it is or with another text. */
  retryDraft(draftId: string, body?: string): Sent
  discardDraft(draftId: string): void
  /** The same handle, with its listeners, on another page. */
  setPage(urlId: string): void
  /** Ends this handle. What is still queued is sent all the same. */
  close(): void
}

/** One connection of one tab to one (prefix, tenant), for any number of pages. */
export class CollabClient extends Emitter<ClientEvents> {
  /** The tab's client for these options: who asks alike gets the same one. Each calls `destroy()` once; the last ends it. */
  static shared(options?: ClientOptions): CollabClient
  /** Connects when the first page is opened. */
  constructor(options?: ClientOptions)
  /** Of the connection alone; a page may still be catching up: see `page.state.status`. */
  readonly status: StatusEvent
  /** Undefined until the server has said who is here, and while signed out. */
  readonly user: User | undefined
  /** Where collabchat answers: an absolute address that ends with a slash. */
  readonly prefix: string
  readonly limits: Welcome['limits'] | undefined
  /** Several handles of one page share everything but their listeners. Throws a CollabError for a name that is none. */
  page(urlId: string): Page
  /** After `refused`: try again. While waiting for the next attempt: try now. */
  connect(): void
  /** Another token; without an open connection, what was shown is gone until the server has said whose it is. */
  setToken(token: Token): void
  /** Closes everything. What is queued stays stored for the next visit. */
  destroy(): void
}
