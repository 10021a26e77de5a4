/** What must be true when everything has come to rest. */
import assert from 'node:assert/strict'
import { URL_ID } from './reader.js'

/** @typedef {import('./reader.js').Reader} Reader */
/** @typedef {{pages: Record<string, {comments: Record<string, any[]>, told: any[]}>, logs: Record<string, [number, string][]>, known: [string, string, number][], errors: string[]}} Truth */

/** Errors that a client may tell its reader of; any other is a fault of one side. */
const ALLOWED = new Set(['unreachable', 'not-found', 'forbidden', 'conflict', 'rate-limited', 'unavailable', 'too-many'])

/** @param {Reader[]} readers  @param {Truth} truth  @param {import('./schedule.js').Witness} witness */
export function judge(readers, truth, witness) {
  assert.deepEqual(truth.errors, [], 'the server logged errors')
  sameEverywhere(readers, truth)
  const logs = new Logs(truth)
  for (const [id, { epoch, seq }] of witness.acked) {
    const known = logs.known.get(epoch + ' ' + id)
    assert.equal(known, seq, `${id} was acked at ${epoch} ${seq}, and the server remembers ${known}`)
    assert.ok(logs.times(epoch, id) <= 1, `${id} is in the log ${logs.times(epoch, id)} times`)
    if (logs.times(epoch, id) === 1) assert.equal(logs.at(epoch, id), seq, `${id} was acked at another number than its own`)
    else witness.count('acks of what changed nothing')
  }
  for (const reader of readers) {
    for (const error of reader.errors) assert.ok(ALLOWED.has(error.code), `${reader.token} was told ${JSON.stringify(error)}`)
    nothingLost(reader, readers, logs, witness)
  }
}

/** @param {Reader[]} readers  @param {Truth} truth */
function sameEverywhere(readers, { pages }) {
  const page = pages[URL_ID] ?? { comments: {}, told: [{ epoch: '', seq: 0, chats: [] }] }
  const [stored, ...told] = page.told.map(byId)
  for (const each of told) assert.deepEqual(each, stored, 'a process tells another page than the storage holds')
  for (const { token, state, storage } of readers) {
    const { chats, position, pending } = state
    assert.equal(pending, 0)
    // An erased page has no position; whoever saw it before stands where its history ended, at nothing.
    assert.deepEqual(position, { epoch: stored.epoch, seq: stored.seq }, `${token} stands elsewhere`)
    const shown = chats.map(chat => unmarked(chat))
    const expected = stored.chats.map((/** @type {any} */ chat) => {
      const loaded = shown.find(each => each.id === chat.id)?.comments.length ?? 0
      // A screen may have loaded more than a snapshot brings.
      return { ...chat, comments: page.comments[chat.id].slice(-Math.max(loaded, chat.comments.length)) }
    })
    // Of a thread whose newest comments were deleted a screen shows fewer than a snapshot would.
    for (const chat of expected) chat.comments = chat.comments.slice(-Math.max(1, shown.find(each => each.id === chat.id)?.comments.length ?? 0))
    assert.deepEqual(byId({ ...stored, chats: shown }).chats, expected, `${token} sees another page`)
    for (const [key, value] of storage.items) {
      if (key.startsWith('collabchat:queue:')) assert.deepEqual(JSON.parse(value).operations, [], `${token} still stores operations`)
    }
  }
}

/** @param {any} page */
const byId = page => ({ ...page, chats: [...page.chats].sort((a, b) => a.id < b.id ? -1 : 1) })

/** Without what is only this reader's. @param {any} chat */
function unmarked({ failed, ...chat }) {
  return { ...chat, comments: chat.comments.map((/** @type {any} */ { failed: refused, ...comment }) => comment) }
}

/** Everything that was ever committed, whatever was erased since. */
class Logs {
  /** @type {Map<string, number>} */
  known = new Map()
  /** @type {Map<string, number[]>} */
  #places = new Map()
  /** @type {Set<string>} */
  #ever = new Set()
  epochs = 0

  /** @param {Truth} truth */
  constructor({ logs, known }) {
    this.epochs = Object.keys(logs).length
    for (const [epoch, id, seq] of known) {
      this.known.set(epoch + ' ' + id, seq)
      this.#ever.add(id)
    }
    for (const [epoch, log] of Object.entries(logs)) {
      for (const [seq, id] of log) {
        const key = epoch + ' ' + id, places = this.#places.get(key) ?? []
        this.#places.set(key, [...places, Number(seq)])
        this.#ever.add(id)
      }
    }
    for (const [key, places] of this.#places) assert.equal(places.length, 1, `committed twice: ${key} at ${places}`)
  }

  /** @param {string} epoch  @param {string} id */
  times(epoch, id) { return this.#places.get(epoch + ' ' + id)?.length ?? 0 }
  /** @param {string} epoch  @param {string} id */
  at(epoch, id) { return this.#places.get(epoch + ' ' + id)?.[0] }
  /** @param {string} id */
  ever(id) { return this.#ever.has(id) }
}

/** @param {Reader} reader  @param {Reader[]} readers  @param {Logs} logs  @param {import('./schedule.js').Witness} witness */
function nothingLost(reader, readers, logs, witness) {
  const tabs = readers.filter(each => each.storage === reader.storage)
  const drafts = tabs.flatMap(each => each.state.drafts)
  // Of two tabs with one queue, one may be refused in a history that is erased before the other is heard in the next.
  const last = tabs.length > 1 && logs.epochs > 1 ? 'none' : reader.state.position.epoch
  for (const draft of drafts) {
    assert.ok(!logs.known.has(last + ' ' + draft.id), `${draft.text} was committed, and given back all the same`)
  }
  for (const { sent: { broadcastId }, words, outcome } of reader.spoken) {
    if (outcome?.ok) assert.ok(logs.ever(broadcastId), `${words || broadcastId} is settled and was never committed`)
    if (outcome && !outcome.ok) assert.ok(!logs.known.has(last + ' ' + broadcastId), `${words || broadcastId} was committed, and refused all the same`)
    if (!words) continue
    const again = tabs.some(tab => tab.spoken.some(each => each.words === words && logs.ever(each.sent.broadcastId)))
    const kept = drafts.some(draft => draft.text === words)
    if (kept) witness.count('texts given back')
    assert.ok(again || kept, `lost: ${words}`)
  }
}
