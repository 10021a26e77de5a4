/** The operations of one user on one page that are not settled, and the texts that came back. Survives a reload. */

/** @import { Draft, Environment, Queued, Refusal } from '../typed/types.js' */
import { json } from '../json.js'
import { CollabError, bytesOf, chatOf, isObject, needs, readOperation, text, textOf } from './protocol.js'

const MOST_OPERATIONS = 200
const MOST_BYTES = 256 * 1024
/** A whole queue that is refused, and as much again. */
const MOST_DRAFTS = 400

/** @param {string} server where collabchat answers: an origin may have several  @param {string} tenantId  @param {string} urlId  @param {string} userId */
export const queueKey = (server, tenantId, urlId, userId) => 'collabchat:queue:' + json([tenantId, urlId, userId]) + server
/** As releases before this one called it, of whichever server. @param {string} key */
const older = key => key.slice(0, key.lastIndexOf('"]') + 2)

/** Whoever wrote it sat at this tab before it was loaded; whether they still do, only they can say. */
const UNSENT = Object.freeze({ code: 'unsent', message: 'The page was loaded again before this could be sent' })

export class Queue {
  /** In the order they were made. @type {Queued[]} */
  operations = []
  /** @type {Draft[]} */
  drafts = []
  /** Under whose name it is stored. Before the user is known: nobody's, and this tab's alone. @type {string | undefined} */
  key
  /** Whether the user is known, so that what is stored may be shown and sent. */
  opened = false
  /** All ids this queue ever held: what is stored and not among them is another tab's. @type {Set<string>} */
  #known = new Set()
  /** Drafts that the storage has taken. @type {Set<string>} */
  #kept = new Set()
  #bytes = 0
  /** What an older release has left is taken over, and not away before it is stored anew. */
  #left = ''
  #browser
  /** @type {import('./nobodys.js').Place | undefined} */
  #place

  /**
   * @param {Environment['storage']} storage  @param {string} [former] of this browser's last user: looked at, never written to
   * @param {import('./nobodys.js').Place} [place] where it is stored until the user is known
   */
  constructor(storage, former, place) {
    this.#browser = storage
    this.former = former
    this.#place = place
    this.key = place?.key
    /** @type {Environment['storage'] | undefined} */
    this.storage = place?.storage
    const { operations, drafts } = this.#read()
    this.drafts = drafts
    for (const each of operations) this.giveBack(each, UNSENT)
  }

  /** @param {Queued} queued */
  add(queued) {
    const bytes = bytesOf(queued.operation)
    if (this.operations.length >= MOST_OPERATIONS || this.#bytes + bytes > MOST_BYTES) throw new CollabError('too-many', 'Too much is waiting')
    this.operations.push(queued)
    this.#known.add(queued.broadcastId)
    this.#bytes += bytes
    this.save()
  }

  /** @param {Queued} queued */
  remove(queued) {
    const index = this.operations.indexOf(queued)
    if (index < 0) return
    this.operations.splice(index, 1)
    this.#bytes -= bytesOf(queued.operation)
    this.save()
  }

  /** The reader's words are given back; an operation without any is only forgotten. @param {Queued} queued  @param {Refusal} refusal  @returns {Draft | undefined} */
  giveBack(queued, refusal) {
    this.remove(queued)
    const words = textOf(queued.operation)
    if (words === undefined) return undefined
    /** @type {Draft} */
    const draft = Object.freeze({ id: queued.broadcastId, text: words, operation: queued.operation, chatId: chatOf(queued.operation), refusal })
    this.drafts = [...this.drafts.filter(each => each.id !== draft.id), draft].slice(-MOST_DRAFTS)
    this.save()
    return draft
  }

  /** @param {string} draftId  @returns {Draft | undefined} */
  takeDraft(draftId) {
    // It may be another tab's.
    this.#known.add(draftId)
    const draft = this.drafts.find(each => each.id === draftId)
    this.drafts = this.drafts.filter(each => each !== draft)
    if (draft) this.save()
    return draft
  }

  /** The user is known now: what an earlier visit left comes before what was made in this one. @param {string} key */
  open(key) {
    const mine = this.operations
    this.#unplace()
    this.#kept.clear()
    this.key = key
    this.storage = this.#browser
    this.opened = true
    const stored = this.#read(), left = this.#read(this.#left = older(key))
    stored.operations.unshift(...left.operations.filter(each => !stored.operations.some(other => other.broadcastId === each.broadcastId)))
    stored.drafts.unshift(...left.drafts.filter(each => !stored.drafts.some(other => other.id === each.id)))
    const made = new Map(mine.map(each => [each.broadcastId, each]))
    const earlier = stored.operations.slice(0, MOST_OPERATIONS).map(each => made.get(each.broadcastId) ?? each)
    this.operations = ordered([...earlier, ...mine.filter(each => !earlier.includes(each))])
    for (const each of [...this.operations, ...stored.drafts]) this.#known.add('id' in each ? each.id : each.broadcastId)
    for (const each of stored.drafts) this.#kept.add(each.id)
    const there = new Set([...earlier.map(each => each.broadcastId), ...stored.drafts.map(each => each.id)])
    this.drafts = [...stored.drafts, ...this.drafts.filter(each => !there.has(each.id))].slice(-MOST_DRAFTS)
    this.#bytes = this.operations.reduce((sum, each) => sum + bytesOf(each.operation), 0)
    this.save()
  }

  /** Nobody will say whose it is. @returns {Queued[]} what waited */
  forget() {
    const { operations } = this
    this.operations = []
    this.drafts = []
    this.#unplace()
    return operations
  }

  /** It is looked at no more, and what the tab keeps is kept for another queue. */
  leave() { this.#place?.leave() }

  #unplace() {
    try { if (this.#place) this.storage?.removeItem(this.#place.key) } catch { /* it goes with the tab */ }
    this.leave()
    this.key = this.#place = undefined
  }

  /** Another tab of this user may have changed the drafts. What the storage never took is still here alone. */
  readDrafts() {
    if (!this.opened) return
    const stored = this.#read().drafts
    this.drafts = [...stored, ...this.drafts.filter(each => !this.#kept.has(each.id) && !stored.some(other => other.id === each.id))]
    for (const each of stored) this.#kept.add(each.id)
  }

  /** Whether an earlier visit has left something to send, as far as one may look before the user is known. */
  get waits() {
    const { former } = this
    return !this.opened && !!former && [former, older(former)].some(key => this.#read(key, this.#browser).operations.length > 0)
  }

  save() {
    if (!this.key) return
    for (const draft of this.drafts) this.#known.add(draft.id)
    try {
      const stored = this.#read()
      // Acked ones are committed: after a reload the page itself shows them. The stored order stays, for another tab's
      // operation may need one of ours.
      const mine = new Map(this.operations.filter(each => !each.ack).map(({ broadcastId, operation, at }) => [broadcastId, { broadcastId, operation, at }]))
      const kept = stored.operations.filter(each => mine.has(each.broadcastId) || !this.#known.has(each.broadcastId))
      for (const each of kept) mine.delete(each.broadcastId)
      const operations = [...kept, ...mine.values()]
      const drafts = [...stored.drafts.filter(each => !this.#known.has(each.id)), ...this.drafts]
      if (operations.length + drafts.length) this.storage?.setItem(this.key, json({ operations, drafts }))
      else this.storage?.removeItem(this.key)
      if (this.#left) this.storage?.removeItem(this.#left)
      this.#left = ''
      if (this.storage) for (const each of drafts) this.#kept.add(each.id)
    } catch {
      // Full or forbidden: the queue lives as long as the tab does.
    }
  }

  /** @returns {{operations: Queued[], drafts: Draft[]}} */
  #read(key = this.key ?? '', storage = this.storage) {
    try {
      const stored = JSON.parse(storage?.getItem(key) ?? '{}')
      return {
        operations: usable(stored.operations, each => ({ broadcastId: text(each.broadcastId), operation: readOperation(each.operation), at: Number(each.at) || 0 })),
        drafts: usable(stored.drafts, ({ id, text: words, operation, chatId, refusal }) =>
          ({ id: text(id), text: text(words), operation: readOperation(operation), chatId: text(chatId), refusal: { code: text(refusal.code), message: text(refusal.message), ...refusal.until > 0 && { until: Number(refusal.until) } } })),
      }
    } catch {
      return { operations: [], drafts: [] }
    }
  }
}

/** Two tabs store in any order: what is needed goes before what needs it. @param {Queued[]} operations */
function ordered(operations) {
  /** @type {Set<Queued>} */
  const done = new Set(), seen = new Set()
  const put = (/** @type {Queued} */ each) => {
    if (seen.has(each)) return
    seen.add(each)
    for (const other of operations) if (needs(each.operation, other.operation)) put(other)
    done.add(each)
  }
  for (const each of operations) put(each)
  return [...done]
}

/**
 * @template T
 * @param {unknown} stored  @param {(each: any) => T} read
 * @returns {T[]}
 */
const usable = (stored, read) => !Array.isArray(stored) ? [] : stored.flatMap(each => {
  try { return isObject(each) ? [read(each)] : [] } catch { return [] }
})
