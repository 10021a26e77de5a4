/** What an application holds of a page: its state, its events, and everything that a reader can do there. */

/** @import { Anchor, Operation, PageEvents, PageState, Sent } from '../typed/types.js' */
/** @import { CollabClient } from './client.js' */
/** @import { Subscription } from './subscription.js' */
import { Emitter } from './emitter.js'
import { CollabError, readAnchor } from './protocol.js'

/**
 * A page of annotations.
 * @extends {Emitter<PageEvents>}
 */
export class Page extends Emitter {
  /** @type {CollabClient} */ #client
  /** @type {Subscription} */ #subscription
  /** What is seen of a handle that was closed. @type {PageState | undefined} */
  #last

  /** Use `client.page(urlId)`. @param {CollabClient} client  @param {string} urlId */
  constructor(client, urlId) {
    super()
    this.#client = client
    this.#subscription = client.join(this, urlId)
  }

  /** @returns {PageState} */
  get state() { return this.#last ?? this.#subscription.state }

  /** The server's time in milliseconds since the epoch, by which ages are told: a device's own clock may be hours off. @returns {number} */
  get now() { return this.#subscription.now }

  /** @param {Anchor} anchor  @param {string} body  @returns {Sent} */
  createChat(anchor, body) {
    return this.#do({ type: 'create-chat', chat: { id: this.#id(), anchor: copied(anchor), comment: { id: this.#id(), body: this.#subscription.outbox.checked(body) } } })
  }

  /** @param {string} chatId  @param {string} body  @returns {Sent} */
  addComment(chatId, body) { return this.#do({ type: 'add-comment', chatId, comment: { id: this.#id(), body: this.#subscription.outbox.checked(body) } }) }

  /** @param {string} chatId  @param {string} commentId  @param {string} body  @returns {Sent} */
  editComment(chatId, commentId, body) { return this.#do({ type: 'edit-comment', chatId, comment: { id: commentId, body: this.#subscription.outbox.checked(body) } }) }

  /** Deleting the last comment deletes the chat. @param {string} chatId  @param {string} commentId  @returns {Sent} */
  deleteComment(chatId, commentId) { return this.#do({ type: 'delete-comment', chatId, commentId }) }

  /** @param {string} chatId  @returns {Sent} */
  resolve(chatId) { return this.#do({ type: 'resolve-chat', chatId }) }

  /** @param {string} chatId  @returns {Sent} */
  reopen(chatId) { return this.#do({ type: 'reopen-chat', chatId }) }

  /** @param {string} chatId  @param {Anchor} anchor  @returns {Sent} */
  moveAnchor(chatId, anchor) { return this.#do({ type: 'move-anchor', chatId, anchor: copied(anchor) }) }

  /** @param {string} chatId  @returns {Sent} */
  deleteChat(chatId) { return this.#do({ type: 'delete-chat', chatId }) }

  /** @param {string} chatId  @param {string} commentId  @param {string} emoji  @returns {Sent} */
  addReaction(chatId, commentId, emoji) { return this.#do({ type: 'add-reaction', chatId, commentId, emoji }) }

  /** @param {string} chatId  @param {string} commentId  @param {string} emoji  @returns {Sent} */
  removeReaction(chatId, commentId, emoji) { return this.#do({ type: 'remove-reaction', chatId, commentId, emoji }) }

  /** Call at every keystroke: at most one frame in 3 s leaves, and none while not live, or closed. @param {string} chatId */
  typing(chatId) { if (!this.#last) this.#subscription.typing(chatId) }

  /** Comments of others that this person has not read on any device: their ids, by chat. Empty on a first visit. @returns {ReadonlyMap<string, readonly string[]>} */
  unread() { return this.#last ? new Map() : this.#subscription.unread() }

  /** This discussion was read, or without an id the whole page: told to the person's other devices, at most once a second. @param {string} [chatId] */
  markRead(chatId) { if (!this.#last) this.#subscription.reading.mark(chatId) }

  /** Loads comments before the oldest loaded one. Resolves to whether there are more; rejects with a CollabError. @param {string} chatId @param {number} [limit] @returns {Promise<boolean>} */
  async loadOlder(chatId, limit = 50) { return this.#working.older.load(chatId, limit) }

  /** Sends a draft again, as it is or with another text. @param {string} draftId  @param {string} [body]  @returns {Sent} */
  retryDraft(draftId, body) { return this.#working.outbox.retryDraft(draftId, body) }

  /** @param {string} draftId */
  discardDraft(draftId) { this.#working.outbox.discardDraft(draftId) }

  /** The same handle, with its listeners, on another page: for applications that navigate without loading. @param {string} urlId */
  setPage(urlId) {
    const before = this.#working
    if (before.urlId === urlId) return
    this.#subscription = this.#client.join(this, urlId)
    this.#client.part(this, before.urlId)
    this.emit('change', this.state)
  }

  /** Ends this handle. What is still queued is sent all the same. */
  close() {
    if (this.#last) return
    this.#last = Object.freeze({ ...this.state, status: 'closed' })
    this.#client.part(this, this.#subscription.urlId)
    this.mute()
  }

  get #working() {
    if (this.#last) throw new CollabError('invalid', 'This page was closed')
    return this.#subscription
  }

  #id() { return this.#client.id() }

  /** @param {Operation} operation */
  #do(operation) { return this.#working.do(operation) }
}

/** What is sent again must be the same, whatever its maker does with the object meanwhile. @param {Anchor} anchor  @returns {Anchor} */
function copied(anchor) {
  try {
    return structuredClone(readAnchor(anchor))
  } catch (error) {
    throw new CollabError('invalid', `The anchor cannot be used: ${error instanceof Error ? error.message : error}`)
  }
}
