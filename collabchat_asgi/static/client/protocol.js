/** Reading what came from outside: a server's frames, and what an earlier visit stored. Nothing of it is trusted. */

/** @import { Anchor, Chat, Comment, EventComment, Operation, PageEvent, Position, User, Welcome } from '../typed/types.js' */
import { json } from '../json.js'

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

/** @typedef {(value: any) => any} Reader */

/**
 * Reads the fields of an object that are named here, each with its own reader, and nothing else of it.
 * @param {Record<string, Reader>} fields  @param {Record<string, Reader>} [optional]
 * @returns {Reader}
 */
const shape = (fields, optional = {}) => value => {
  const given = object(value)
  /** @type {Record<string, any>} */
  const read = {}
  for (const name in fields) read[name] = fields[name](given[name])
  for (const name in optional) {
    const found = given[name] === undefined ? undefined : optional[name](given[name])
    if (found !== undefined) read[name] = found
  }
  return read
}

/** What is only carried. @param {any} value */
const selectors = value => {
  list(value, shape({ type: text }))
  return value
}

/** @param {any} value  @returns {{[emoji: string]: string[]} | undefined} */
const reactions = value => {
  const given = Object.entries(object(value)).map(([emoji, users]) => [emoji, list(users, text)])
  // fromEntries defines own properties, so that an emoji called __proto__ is a key like any other.
  return given.length ? Object.fromEntries(given) : undefined
}

/** @type {(value: any) => User} */
export const readUser = shape({ id: text, name: text }, { avatar: text })
/** @type {(value: any) => Anchor} */
export const readAnchor = shape({ selector: selectors, length: count }, { scope: text })
/** @type {(value: any) => EventComment} */
const readEventComment = shape({ id: text, body: text }, { editedAt: time })
/** @type {(value: any) => Comment} */
export const readComment = shape({ id: text, body: text, author: readUser, createdAt: time }, { editedAt: time, reactions })
/** @type {(value: any) => Chat} */
export const readChat = shape(
  { id: text, anchor: readAnchor, createdBy: readUser, createdAt: time, updatedAt: time, commentCount: count, comments: value => list(value, readComment) },
  { resolved: shape({ by: readUser, at: time }) })
/** @type {(value: any) => Position} */
export const readPosition = shape({ epoch: text, seq: count })

const change = { chatId: text, change: text }
const reaction = shape({ ...change, commentId: text, emoji: text })
/** What an event of each type, or change, holds besides. @type {Record<string, Reader>} */
const EVENTS = {
  'new-text-chat': shape({ chat: shape({ id: text, anchor: readAnchor, comment: readEventComment }) }),
  'deleted-text-chat': shape({ chatId: text }),
  'updated-text-chat': shape(change),
  'comment-added': shape({ ...change, comment: readEventComment }),
  'comment-edited': shape({ ...change, comment: readEventComment }),
  'comment-deleted': shape({ ...change, commentId: text }),
  'anchor-moved': shape({ ...change, anchor: readAnchor }),
  'reaction-added': reaction,
  'reaction-removed': reaction,
}
const readAnyEvent = shape({ type: text, seq: count, broadcastId: text, ts: time, user: readUser })

/** An event of a type or change that is not known is there to be counted, not to be understood. @param {any} value  @returns {PageEvent} */
export function readEvent(value) {
  const event = readAnyEvent(value)
  const kind = event.type === 'updated-text-chat' && known(EVENTS, value.change) ? value.change : event.type
  return known(EVENTS, kind) ? { ...event, ...EVENTS[kind](value) } : event
}

/** @param {object} table  @param {any} name */
const known = (table, name) => typeof name === 'string' && Object.hasOwn(table, name)

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

const words = shape({ id: text, body: text })
const ofChat = shape({ type: text, chatId: text })
const ofComment = shape({ type: text, chatId: text, comment: words })
const ofReaction = shape({ type: text, chatId: text, commentId: text, emoji: text })
/** @type {Record<string, Reader>} */
const OPERATIONS = {
  'create-chat': shape({ type: text, chat: shape({ id: text, anchor: readAnchor, comment: words }) }),
  'add-comment': ofComment,
  'edit-comment': ofComment,
  'delete-comment': shape({ type: text, chatId: text, commentId: text }),
  'resolve-chat': ofChat,
  'reopen-chat': ofChat,
  'delete-chat': ofChat,
  'move-anchor': shape({ type: text, chatId: text, anchor: readAnchor }),
  'add-reaction': ofReaction,
  'remove-reaction': ofReaction,
}

/** What a stored operation must be to be sent again. @param {any} value  @returns {Operation} */
export function readOperation(value) {
  must(known(OPERATIONS, object(value).type), 'an unknown operation')
  return OPERATIONS[value.type](value)
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

const encoder = new TextEncoder(), decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** @param {unknown} value  @returns {number} */
export const bytesOf = value => encoder.encode(json(value)).length

/** A lone surrogate is no Unicode: the server would close the connection over it. @param {string} value  @returns {string} */
export const wellFormed = value => decoder.decode(encoder.encode(value))

/** Code points, as the protocol counts. @param {string} value */
export const characters = value => [...value].length
