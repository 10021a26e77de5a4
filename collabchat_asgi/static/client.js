/**
 * collabchat client: live annotations of a page, without a user interface. No dependencies, no build step.
 *
 *     import { CollabClient } from '/collabchat/client.js'
 *
 *     const client = CollabClient.shared({ tenantId: 'acme', token: () => getToken() })     // all options are optional
 *     const page = client.page('https://example.org/article')
 *
 *     page.on('change', state => render(state.chats))       // on() returns a function that takes the listener away
 *     page.on('status', ({ status, reason }) => …)          // connecting, live, reconnecting, offline, refused, closed
 *     page.on('draft', draft => composer.value = draft.text) // a text that was refused comes back
 *
 *     const { chatId, settled } = page.createChat(anchor, 'First!')   // shows in page.state.chats at once, as pending
 *     const outcome = await settled                                   // {ok: true} or {ok: false, refusal}
 *     page.addComment(chatId, 'Second')
 *     page.close(); client.destroy()
 *
 * `page.state` is an immutable view: what is committed and, over it, what this reader did and is not yet committed
 * (`pending`). A chat that did not change is the same object as before, so `===` tells what to draw again.
 * Every change works offline: it is queued, survives a reload, and is sent when the connection and the same user are back.
 * Methods throw a CollabError only for what can be seen at once: an empty or too long text (`invalid`, `too-long`), a full
 * queue (`too-many`). Whatever the server refuses comes back as `draft` (where there was a text) and as `error`.
 * The whole vocabulary is in types.d.ts; the wire is in PROTOCOL.md.
 */

/** @import { Anchor, ClientEvents, ClientOptions, PageEvents, PageState, Sent, StatusEvent, Token, User } from './types.d.ts' */

/** What a method throws. @extends {Error} */
export class CollabError extends Error {
  /** @param {string} code  @param {string} message */
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/**
 * @template {object} Events
 */
class Emitter {
  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => void} listener
   * @returns {() => void} takes the listener away
   */
  on(name, listener) { throw new Error('stub') }
}

/**
 * One connection of one tab to one (prefix, tenant), for any number of pages.
 * @extends {Emitter<ClientEvents>}
 */
export class CollabClient extends Emitter {
  /**
   * The tab's client for these options: widgets that ask alike get the same one. Each calls `destroy()` once; the last ends it.
   * @param {ClientOptions} [options]
   * @returns {CollabClient}
   */
  static shared(options) { throw new Error('stub') }

  /** Connects when the first page is opened. @param {ClientOptions} [options] */
  constructor(options) { super() }

  /** @returns {StatusEvent} */
  get status() { throw new Error('stub') }

  /** Who the server says we are; undefined before the first `welcome`. @returns {User | undefined} */
  get user() { throw new Error('stub') }

  /** A handle on a page; several handles of one page share everything but their listeners. @param {string} urlId @returns {Page} */
  page(urlId) { throw new Error('stub') }

  /** After `refused`: try again. While waiting for the next attempt: try now. */
  connect() {}

  /** Another token: sent over the open connection, or tried at once where the old one was refused. @param {Token} token */
  setToken(token) {}

  /** Closes everything: no timer, listener or socket stays. What is queued stays stored for the next visit. */
  destroy() {}
}

/**
 * A page of annotations.
 * @extends {Emitter<PageEvents>}
 */
export class Page extends Emitter {
  /** @returns {PageState} */
  get state() { throw new Error('stub') }

  /** @param {Anchor} anchor  @param {string} body  @returns {Sent} */
  createChat(anchor, body) { throw new Error('stub') }
  /** @param {string} chatId  @param {string} body  @returns {Sent} */
  addComment(chatId, body) { throw new Error('stub') }
  /** @param {string} chatId  @param {string} commentId  @param {string} body  @returns {Sent} */
  editComment(chatId, commentId, body) { throw new Error('stub') }
  /** Deleting the last comment deletes the chat. @param {string} chatId  @param {string} commentId  @returns {Sent} */
  deleteComment(chatId, commentId) { throw new Error('stub') }
  /** @param {string} chatId  @returns {Sent} */
  resolve(chatId) { throw new Error('stub') }
  /** @param {string} chatId  @returns {Sent} */
  reopen(chatId) { throw new Error('stub') }
  /** @param {string} chatId  @param {Anchor} anchor  @returns {Sent} */
  moveAnchor(chatId, anchor) { throw new Error('stub') }
  /** @param {string} chatId  @returns {Sent} */
  deleteChat(chatId) { throw new Error('stub') }
  /** @param {string} chatId  @param {string} commentId  @param {string} emoji  @returns {Sent} */
  addReaction(chatId, commentId, emoji) { throw new Error('stub') }
  /** @param {string} chatId  @param {string} commentId  @param {string} emoji  @returns {Sent} */
  removeReaction(chatId, commentId, emoji) { throw new Error('stub') }

  /** Call at every keystroke: at most one frame in 3 s leaves, and none while not connected. @param {string} chatId */
  typing(chatId) {}

  /** Loads comments before the oldest loaded one. Resolves to whether there are more; rejects with a CollabError. @param {string} chatId @param {number} [limit] @returns {Promise<boolean>} */
  loadOlder(chatId, limit = 50) { throw new Error('stub') }

  /** Sends a draft again, as it is or with another text. @param {string} draftId  @param {string} [text]  @returns {Sent} */
  retryDraft(draftId, text) { throw new Error('stub') }
  /** @param {string} draftId */
  discardDraft(draftId) {}

  /** The same handle, with its listeners, on another page: for applications that navigate without loading. @param {string} urlId */
  setPage(urlId) {}

  /** Ends this handle. What is still queued is sent all the same. */
  close() {}
}
