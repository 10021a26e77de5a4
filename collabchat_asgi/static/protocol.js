/** Reading what came from outside: a server's frames, and what an earlier visit stored. Nothing of it is trusted. */

/** @import { Anchor, Chat, Comment, EventComment, Operation, PageEvent, Position, User, Welcome } from './types.js' */

/** What a method throws. `code` is one of PROTOCOL section 4. */
export class CollabError extends Error {
  /** @param {string} code  @param {string} message */
  constructor(code, message) {
    super(message)
    this.name = 'CollabError'
    this.code = code
  }
}

/** A frame of a known type with a wrong field: nothing in it can be used. */
export class Malformed extends Error {}

/** @param {unknown} condition  @param {string} what  @returns {asserts condition} */
function must(condition, what) {
  if (!condition) throw new Malformed(what)
}

/** @param {unknown} value  @returns {value is Record<string, any>} */
export const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value)

/** @param {any} value  @returns {string} */
export function text(value) {
  must(typeof value === 'string', 'not a text')
  return value
}

/** @param {any} value  @returns {number} */
export function count(value) {
  must(Number.isSafeInteger(value) && value >= 0, 'not a count')
  return value
}

/** @param {any} value  @returns {number} */
function time(value) {
  must(Number.isFinite(value), 'not a time')
  return value
}

/**
 * @template T
 * @param {any} value  @param {(item: any) => T} read
 * @returns {T[]}
 */
export function list(value, read) {
  must(Array.isArray(value), 'not a list')
  return value.map(item => read(item))
}

/** @param {any} value  @returns {Record<string, any>} */
function object(value) {
  must(isObject(value), 'not an object')
  return value
}

/** @param {any} value  @returns {User} */
export function readUser(value) {
  const { id, name, avatar } = object(value)
  return { id: text(id), name: text(name), ...typeof avatar === 'string' && { avatar } }
}

/** @param {any} value  @returns {Anchor} */
export function readAnchor(value) {
  const { selector, length, scope } = object(value)
  list(selector, each => text(object(each).type))
  return { selector, length: count(length), ...typeof scope === 'string' && { scope } }
}

/** @param {any} value  @returns {EventComment} */
function readEventComment(value) {
  const { id, body, editedAt } = object(value)
  return { id: text(id), body: text(body), ...editedAt !== undefined && { editedAt: time(editedAt) } }
}

/** @param {any} value  @returns {Comment} */
export function readComment(value) {
  const { author, createdAt, reactions } = object(value)
  /** @type {[string, string[]][]} */
  const given = Object.entries(reactions === undefined ? {} : object(reactions)).map(([emoji, users]) => [emoji, list(users, text)])
  const { id, body, ...edited } = readEventComment(value)
  // fromEntries defines own properties, so that an emoji called __proto__ is a key like any other.
  return { id, body, author: readUser(author), createdAt: time(createdAt), ...edited, ...given.length > 0 && { reactions: Object.fromEntries(given) } }
}

/** @param {any} value  @returns {Chat} */
export function readChat(value) {
  const { id, anchor, createdBy, createdAt, updatedAt, resolved, commentCount, comments } = object(value)
  return {
    id: text(id), anchor: readAnchor(anchor), createdBy: readUser(createdBy), createdAt: time(createdAt), updatedAt: time(updatedAt),
    ...resolved !== undefined && { resolved: { by: readUser(object(resolved).by), at: time(resolved.at) } },
    commentCount: count(commentCount), comments: list(comments, readComment),
  }
}

/** @param {any} value  @returns {Position} */
export const readPosition = value => ({ epoch: text(value.epoch), seq: count(value.seq) })

/** An event of a type or change that is not known is there to be counted, not to be understood. @param {any} value  @returns {PageEvent} */
export function readEvent(value) {
  const { type, seq, broadcastId, ts, user, change } = object(value)
  /** @type {any} */
  const event = { type: text(type), seq: count(seq), broadcastId: text(broadcastId), ts: time(ts), user: readUser(user) }
  if (type === 'new-text-chat') {
    const { id, anchor, comment } = object(value.chat)
    event.chat = { id: text(id), anchor: readAnchor(anchor), comment: readEventComment(comment) }
  } else if (type === 'updated-text-chat' || type === 'deleted-text-chat') {
    event.chatId = text(value.chatId)
  }
  if (type === 'updated-text-chat') {
    event.change = text(change)
    if (change === 'comment-added' || change === 'comment-edited') event.comment = readEventComment(value.comment)
    if (change === 'comment-deleted' || change === 'reaction-added' || change === 'reaction-removed') event.commentId = text(value.commentId)
    if (change === 'reaction-added' || change === 'reaction-removed') event.emoji = text(value.emoji)
    if (change === 'anchor-moved') event.anchor = readAnchor(value.anchor)
  }
  return event
}

/** `first` to `last` and everything between, or it throws. @param {any} frame */
export function readEvents(frame) {
  const epoch = text(frame.epoch), first = count(frame.first), last = count(frame.last)
  let before = first - 1
  must(first >= 1 && first <= last, 'a range that runs backwards')
  const events = list(frame.events, readEvent)
  for (const { seq } of events) {
    must(seq > before && seq <= last, 'events out of order')
    before = seq
  }
  return { epoch, first, last, events }
}

const within = (/** @type {any} */ value, /** @type {number} */ least, /** @type {number} */ otherwise) =>
  Number.isFinite(value) && value >= least ? value : otherwise

/** @param {any} frame  @returns {Welcome} */
export function readWelcome(frame) {
  const limits = isObject(frame.limits) ? frame.limits : {}
  return {
    connectionId: String(frame.connectionId), tenantId: text(frame.tenantId), user: readUser(frame.user), now: time(frame.now),
    ...Number.isFinite(frame.expiresInMs) && { expiresInMs: frame.expiresInMs },
    pingIntervalMs: within(frame.pingIntervalMs, 1000, 25_000),
    limits: { frameBytes: within(limits.frameBytes, 1024, 65_536), bodyChars: within(limits.bodyChars, 1, 2000), dedupeMs: within(limits.dedupeMs, 1, 604_800_000) },
  }
}

/** @param {any} frame */
export const readBye = ({ code, reason, retryAfterMs }) => ({
  ...Number.isSafeInteger(code) && { code: Number(code) }, ...typeof reason === 'string' && { reason }, ...typeof retryAfterMs === 'number' && { retryAfterMs },
})

/** What a stored operation must be to be sent again. @param {any} value  @returns {Operation} */
export function readOperation(value) {
  const { type, chat, chatId, comment, commentId, anchor, emoji } = object(value)
  const words = (/** @type {any} */ given) => ({ id: text(object(given).id), body: text(given.body) })
  switch (type) {
    case 'create-chat': return { type, chat: { id: text(object(chat).id), anchor: readAnchor(chat.anchor), comment: words(chat.comment) } }
    case 'add-comment': case 'edit-comment': return { type, chatId: text(chatId), comment: words(comment) }
    case 'delete-comment': return { type, chatId: text(chatId), commentId: text(commentId) }
    case 'resolve-chat': case 'reopen-chat': case 'delete-chat': return { type, chatId: text(chatId) }
    case 'move-anchor': return { type, chatId: text(chatId), anchor: readAnchor(anchor) }
    case 'add-reaction': case 'remove-reaction': return { type, chatId: text(chatId), commentId: text(commentId), emoji: text(emoji) }
  }
  throw new Malformed('an unknown operation')
}

/** The chat an operation is about. @param {Operation} operation */
export const chatOf = operation => operation.type === 'create-chat' ? operation.chat.id : operation.chatId

/** The comment an operation is about. @param {Operation} operation  @returns {string | undefined} */
export const commentOf = operation =>
  operation.type === 'create-chat' ? operation.chat.comment.id : 'comment' in operation ? operation.comment.id : 'commentId' in operation ? operation.commentId : undefined

/** The reader's own words in an operation. @param {Operation} operation  @returns {string | undefined} */
export const textOf = operation =>
  operation.type === 'create-chat' ? operation.chat.comment.body : 'comment' in operation ? operation.comment.body : undefined

/** Whether the server can only take `operation` after `earlier`. @param {Operation} operation  @param {Operation} earlier */
export const needs = (operation, earlier) =>
  (earlier.type === 'create-chat' || earlier.type === 'add-comment') && chatOf(earlier) === chatOf(operation)
  && (earlier.type === 'create-chat' || commentOf(earlier) === commentOf(operation))

/** A lone surrogate is no Unicode: the server would close the connection over it. @param {string} value  @returns {string} */
export const wellFormed = value =>
  /** @type {any} */ (value).toWellFormed?.() ?? value.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g, part => part.length === 2 ? part : '\uFFFD')

/** Code points, as the protocol counts. @param {string} value */
export const characters = value => {
  let n = 0
  for (const _ of value) n++
  return n
}
