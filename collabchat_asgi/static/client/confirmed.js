/** The confirmed page: a snapshot and the fold of every later event, as the server folds it. */

/** @import { Chat, Comment, PageEvent, Position } from '../typed/types.js' */

/**
 * What an event does to the chats of a page. Chats are never changed in place, so that whoever holds one can compare.
 * @param {Map<string, Chat>} chats  @param {PageEvent} event
 */
export function fold(chats, event) {
  if (event.type === 'new-text-chat') {
    const { ts, user, chat: { id, anchor, comment } } = event
    const updatedAt = comment.editedAt ?? ts
    chats.set(id, { id, anchor, createdBy: user, createdAt: ts, updatedAt, commentCount: 1, comments: [asComment(event, comment)] })
  } else if (event.type === 'deleted-text-chat') {
    chats.delete(event.chatId)
  } else if (event.type === 'updated-text-chat') {
    const chat = chats.get(event.chatId)
    if (chat) chats.set(chat.id, changed(chat, event))
  }
}

/** @param {PageEvent} event  @param {{id: string, body: string, editedAt?: number}} comment  @returns {Comment} */
const asComment = ({ user, ts }, { id, body, editedAt }) =>
  ({ id, body, author: user, createdAt: ts, ...editedAt !== undefined && { editedAt } })

/** @param {Chat} chat  @param {PageEvent & {type: 'updated-text-chat'}} event  @returns {Chat} */
function changed(chat, event) {
  const { ts, user } = event
  switch (event.change) {
    case 'comment-added': {
      // It may be here already: read over HTTP a moment before its event came.
      const others = chat.comments.filter(comment => comment.id !== event.comment.id)
      return { ...chat, updatedAt: event.comment.editedAt ?? ts, commentCount: chat.commentCount + 1, comments: [...others, asComment(event, event.comment)] }
    }
    case 'comment-edited': {
      const { id, body, editedAt = ts } = event.comment
      return { ...chat, updatedAt: editedAt, comments: chat.comments.map(comment => comment.id === id ? { ...comment, body, editedAt } : comment) }
    }
    case 'comment-deleted':
      // Counted even where the comment is an older one that is not loaded.
      return { ...chat, updatedAt: ts, commentCount: Math.max(0, chat.commentCount - 1), comments: chat.comments.filter(comment => comment.id !== event.commentId) }
    case 'resolved':
      return { ...chat, updatedAt: ts, resolved: { by: user, at: ts } }
    case 'reopened': {
      const { resolved, ...open } = chat
      return { ...open, updatedAt: ts }
    }
    case 'anchor-moved':
      return { ...chat, updatedAt: ts, anchor: event.anchor }
    case 'reaction-added': case 'reaction-removed':
      return { ...chat, comments: chat.comments.map(comment => comment.id === event.commentId ? reacted(comment, event) : comment) }
  }
  return chat
}

/** @param {Comment} comment  @param {Extract<PageEvent, {emoji: string}>} event  @returns {Comment} */
function reacted(comment, { change, emoji, user }) {
  const all = new Map(Object.entries(comment.reactions ?? {}))
  const had = all.get(emoji) ?? []
  if (change === 'reaction-removed') {
    const left = had.filter(id => id !== user.id)
    left.length ? all.set(emoji, left) : all.delete(emoji)
  } else if (!had.includes(user.id)) {
    all.set(emoji, [...had, user.id])
  }
  const { reactions, ...bare } = comment
  return all.size ? { ...bare, reactions: Object.fromEntries(all) } : bare
}

export class ConfirmedPage {
  /** @type {Map<string, Chat>} */
  chats = new Map()
  /** @type {Position} */
  position = { epoch: '', seq: 0 }
  loaded = false
  /** Counts snapshots: what was asked of the page before one does not fit it afterwards. */
  generation = 0
  /** What was folded while older comments of a chat are being read: one journal for each reading. @type {Set<{chatId: string, events: PageEvent[]}>} */
  #journals = new Set()

  /**
   * Whether `frame` continues this page: `next`, `old` (known already) or `gap`.
   * A frame that begins inside what is known is a gap too: an event merged across our position cannot be taken apart.
   * @param {{epoch: string, first: number, last: number}} frame
   */
  place({ epoch, first, last }) {
    const { epoch: ours, seq } = this.position
    if (seq > 0 && epoch !== ours) return 'gap'
    return last <= seq ? 'old' : first === seq + 1 ? 'next' : 'gap'
  }

  /** @param {{epoch: string, last: number, events: PageEvent[]}} frame */
  fold({ epoch, last, events }) {
    for (const event of events) {
      fold(this.chats, event)
      for (const journal of this.#journals) if ('chatId' in event && event.chatId === journal.chatId) journal.events.push(event)
    }
    this.position = { epoch, seq: last }
  }

  /**
   * A snapshot takes the page's place. It holds only the newest comments of a chat; older ones that were loaded stay
   * where they join on, until they have been read again.
   * @param {Position} position  @param {Chat[]} chats
   * @returns {{chatId: string, older: number, stale: Set<string>}[]} the chats whose older comments must be read again
   */
  replace(position, chats) {
    const before = this.chats, again = []
    this.chats = new Map()
    this.position = position
    this.loaded = true
    this.generation++
    for (const chat of chats) {
      const known = before.get(chat.id)?.comments ?? []
      const joint = known.findIndex(comment => comment.id === chat.comments[0]?.id)
      const missing = chat.commentCount - chat.comments.length
      const older = known.slice(0, Math.max(0, joint)).slice(-missing || known.length)
      this.chats.set(chat.id, missing > 0 && older.length ? { ...chat, comments: [...older, ...chat.comments] } : chat)
      if (missing > 0 && (older.length || known.length > chat.comments.length)) {
        again.push({ chatId: chat.id, older: Math.min(missing, known.length), stale: new Set(older.map(comment => comment.id)) })
      }
    }
    return again
  }

  /** Whoever comes now must not see what the one before was shown. */
  clear() {
    this.chats = new Map()
    this.position = { epoch: '', seq: 0 }
    this.loaded = false
    this.generation++
  }

  /** From here to `older`, events of this chat are kept to be folded into what is read meanwhile. @param {string} chatId */
  listen(chatId) {
    const journal = { chatId, events: /** @type {PageEvent[]} */ ([]) }
    this.#journals.add(journal)
    return journal
  }

  /** @param {ReturnType<ConfirmedPage['listen']>} journal */
  forget(journal) { this.#journals.delete(journal) }

  /**
   * Comments read over HTTP, older than what is loaded. They carry no position: they are at least as new as the page was when
   * they were asked for, so every event since is folded over them once more, which changes nothing where it was in them already.
   * @param {{chatId: string, events: PageEvent[]}} journal  @param {Comment[]} read  @param {ReadonlySet<string>} [stale] replaced by what was read, or gone
   */
  older({ chatId, events }, read, stale = new Set()) {
    const chat = this.chats.get(chatId)
    if (!chat) return
    const aside = new Map([[chatId, { ...chat, comments: /** @type {readonly Comment[]} */ (read) }]])
    for (const event of events) if (event.type === 'updated-text-chat' && event.change !== 'comment-added') fold(aside, event)
    const older = aside.get(chatId)?.comments ?? []
    const loaded = new Map(chat.comments.filter(comment => !stale.has(comment.id)).map(comment => [comment.id, comment]))
    const front = older.map(comment => {
      const ours = loaded.get(comment.id) ?? comment
      loaded.delete(comment.id)
      return ours
    })
    this.chats.set(chatId, { ...chat, comments: [...front, ...loaded.values()] })
  }
}
