/** What the reader sees: the confirmed chats and, over them, what this reader did and is not committed yet. */

/** @import { Chat, Draft, Operation, PageEvent, Queued, User } from '../typed/types.js' */
import { fold } from './confirmed.js'
import { chatOf, commentOf } from './protocol.js'

/**
 * @param {Map<string, Chat>} confirmed  @param {readonly Queued[]} pending  @param {readonly Draft[]} drafts
 * @param {User} user  @param {number} clockOffset what to add to this device's clock to have the server's
 * @returns {readonly Chat[]}
 */
export function overlay(confirmed, pending, drafts, user, clockOffset) {
  let chats = confirmed
  if (pending.length || drafts.length) chats = new Map(confirmed)
  for (const { operation, at } of pending) {
    const event = expected(chats.get(chatOf(operation)), operation, user, at + clockOffset)
    if (!event) continue
    fold(chats, event)
    mark(chats, operation, { pending: /** @type {const} */ (true) })
  }
  for (const { operation, refusal } of drafts) mark(chats, operation, { failed: refusal })
  return Object.freeze([...chats.values()].map(frozen))
}

/** @param {Map<string, Chat>} chats  @param {Operation} operation  @param {Partial<Chat>} flag */
function mark(chats, operation, flag) {
  const chat = chats.get(chatOf(operation))
  if (!chat) return
  const id = commentOf(operation)
  chats.set(chat.id, { ...chat, ...flag, comments: chat.comments.map(comment => comment.id === id ? { ...comment, ...flag } : comment) })
}

/**
 * The event an operation will become if nothing comes between; none where it would change nothing, or shows already because a
 * snapshot came before its ack.
 * @param {Chat | undefined} chat  @param {Operation} operation  @param {User} user  @param {number} ts
 * @returns {PageEvent | undefined}
 */
function expected(chat, operation, user, ts) {
  const base = { seq: 0, broadcastId: '', ts, user }
  if (operation.type === 'create-chat') return chat ? undefined : { ...base, type: 'new-text-chat', chat: operation.chat }
  if (!chat) return undefined
  const has = chat.comments.some(comment => comment.id === commentOf(operation))
  const update = { ...base, type: /** @type {const} */ ('updated-text-chat'), chatId: chat.id }
  switch (operation.type) {
    case 'add-comment': return has ? undefined : { ...update, change: 'comment-added', comment: operation.comment }
    case 'edit-comment': return { ...update, change: 'comment-edited', comment: operation.comment }
    case 'delete-comment':
      if (!has) return undefined
      return chat.commentCount > 1 ? { ...update, change: 'comment-deleted', commentId: operation.commentId } : { ...base, type: 'deleted-text-chat', chatId: chat.id }
    case 'resolve-chat': return chat.resolved ? undefined : { ...update, change: 'resolved' }
    case 'reopen-chat': return chat.resolved ? { ...update, change: 'reopened' } : undefined
    case 'move-anchor': return { ...update, change: 'anchor-moved', anchor: operation.anchor }
    case 'delete-chat': return { ...base, type: 'deleted-text-chat', chatId: chat.id }
    case 'add-reaction': case 'remove-reaction':
      return { ...update, change: operation.type === 'add-reaction' ? 'reaction-added' : 'reaction-removed', commentId: operation.commentId, emoji: operation.emoji }
  }
}

/** An application that writes into what it was shown would write into the confirmed page. @param {Chat} chat */
function frozen(chat) {
  if (Object.isFrozen(chat)) return chat
  for (const comment of chat.comments) {
    for (const users of Object.values(comment.reactions ?? {})) Object.freeze(users)
    if (comment.reactions) Object.freeze(comment.reactions)
    Object.freeze(comment)
  }
  Object.freeze(chat.comments)
  return Object.freeze(chat)
}
