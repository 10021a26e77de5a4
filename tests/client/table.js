/** A client at a table: the test plays the server, frame by frame. */
import { CollabClient } from './subject.js'
import { ANCHOR, MemoryStorage, World, json, settle, welcome } from './world.js'

export const C = 'chat-1'
const BOB = { id: 'bob', name: 'Bob' }

/** @typedef {import('../../collabchat_asgi/static/typed/types.js').Sent} Sent */

export class Table {
  /** Everything the page told. @type {{change: any[], status: any[], draft: any[], error: any[], typing: any[], presence: any[]}} */
  seen = { change: [], status: [], draft: [], error: [], typing: [], presence: [] }
  /** @type {any[]} */
  troubles = []

  /** @param {{storage?: World['storage'], session?: World['session'], user?: string, tenantId?: string, urlId?: string, options?: import('../../collabchat_asgi/static/typed/types.js').ClientOptions, before?: (world: World) => void}} [given] */
  constructor({ storage, session, user = 'ann', tenantId = 'acme', urlId = '/page', options, before } = {}) {
    this.world = new World(Table.seed++)
    if (storage) this.world.storage = storage
    if (session) this.world.session = new MemoryStorage(session.items)
    before?.(this.world)
    this.identity = { tenantId, user: { id: user, name: user } }
    this.urlId = urlId
    this.client = new CollabClient({ prefix: '/collabchat', environment: this.world.environment, ...options })
    this.client.on('error', error => this.troubles.push(error))
    this.page = this.client.page(urlId)
    for (const name of /** @type {const} */ (['change', 'status', 'draft', 'error', 'typing', 'presence'])) this.page.on(name, (/** @type {any} */ detail) => this.seen[name].push(detail))
  }

  static seed = 1

  get socket() { return this.world.socket }
  get operations() { return this.socket.sent.filter(frame => frame.broadcastId) }
  get chat() { return /** @type {import('../../collabchat_asgi/static/typed/types.js').Chat} */ (this.page.state.chats.find(chat => chat.id === C)) }

  /** @param {object | string} frame */
  receive(frame) { this.socket.receive(frame) }

  /** @param {object} [more] */
  async welcome(more) {
    await settle()
    this.socket.accept()
    this.receive(welcome({ now: this.world.clock.now + 1_700_000_000_000, ...this.identity, ...more }))
  }

  /** Connected, with one chat of one comment by Bob at (E, 10). @param {object} [more] of `welcome` */
  async live(more) {
    await this.welcome(more)
    this.receive({ type: 'subscribed', urlId: this.urlId, epoch: 'E', seq: 10, recovered: false, can: ['comment'], users: 1, connections: 1 })
    this.snapshot(10, 'first')
    return this
  }

  /** @param {number} seq  @param {string} body */
  snapshot(seq, body, epoch = 'E') {
    this.receive({ type: 'snapshot', urlId: this.urlId, epoch, seq, last: true, chats: [{ id: C, anchor: ANCHOR, createdBy: BOB, createdAt: 1, updatedAt: 1, commentCount: 1, comments: [{ id: 'm1', body, author: BOB, createdAt: 1 }] }] })
  }

  /** Back after the backoff, recovered with nothing missed. @param {number} [within]  @param {object} [more] */
  async reconnect(within = 25_000, more) {
    await settle()
    for (const end = this.world.clock.now + within; this.socket.state !== 'opening' && this.world.clock.now < end;) await this.world.clock.pass(100)
    if (this.socket.state !== 'opening') throw new Error('it did not come back')
    await this.welcome(more)
    const { epoch, seq } = this.page.state.position
    this.receive({ type: 'subscribed', urlId: this.urlId, epoch, seq, recovered: true, can: ['comment'] })
  }

  /** A server that pings, as servers do. */
  keepAlive() {
    const { socket, clock } = { socket: this.socket, clock: this.world.clock }
    const ping = () => {
      if (socket.state !== 'open') return
      socket.receive({ type: 'ping', n: 'x' })
      clock.setTimeout(ping, 5000)
    }
    ping()
  }

  /** The event that an add-comment of ours becomes. @param {number} seq  @param {Sent} sent */
  added(seq, sent) {
    const { comment, chatId } = this.operations.find(frame => frame.broadcastId === sent.broadcastId)
    return events([{ type: 'updated-text-chat', seq, broadcastId: sent.broadcastId, ts: 1000 + seq, user: this.identity.user, chatId, change: 'comment-added', comment }])
  }
}

/** @param {any[]} list  @param {object} [more] */
export const events = (list, more) => ({ type: 'events', urlId: '/page', epoch: 'E', first: list[0]?.seq, last: list.at(-1)?.seq, events: list, ...more })

/** @param {number} seq  @param {string} user  @param {object} change  @param {string} [broadcastId] */
export const update = (seq, user, change, broadcastId = 'b' + seq) =>
  events([{ type: 'updated-text-chat', seq, broadcastId, ts: 1000 + seq, user: { id: user, name: user }, chatId: C, ...change }])

/** @param {number} seq  @param {string} user  @param {string} body  @param {string} [broadcastId] */
export const edited = (seq, user, body, broadcastId) => update(seq, user, { change: 'comment-edited', comment: { id: 'm1', body } }, broadcastId)

/** @param {Sent} sent  @param {number} seq */
export const ack = (sent, seq, epoch = 'E') => ({ type: 'ack', broadcastId: sent.broadcastId, urlId: '/page', epoch, seq, ts: 5 })

/** @param {Sent} sent  @param {string} code  @param {object} [more] */
export const refusal = (sent, code, more) => ({ type: 'error', code, message: 'no: ' + code, retry: false, broadcastId: sent.broadcastId, urlId: '/page', ...more })

/** @param {object} [more] */
export const subscribed = more => ({ type: 'subscribed', urlId: '/page', epoch: 'E', seq: 10, recovered: false, can: ['comment'], ...more })

/** @param {object} [more] */
export const snapshot = more => ({ type: 'snapshot', urlId: '/page', epoch: 'E', seq: 10, chats: [], last: true, ...more })

/** HTTP that answers when the test says so. @param {Table} table  @param {(headers: Record<string, string>) => ReturnType<typeof json>} answer */
export const held = (table, answer) => {
  const answers = /** @type {(() => void)[]} */ ([])
  table.world.answer = (_, { headers }) => new Promise(resolve => answers.push(() => resolve(answer(headers))))
  return answers
}

/** How long until the next attempt. @param {Table} table  @param {number} most */
export async function wait(table, most) {
  const { sockets, clock } = table.world, before = sockets.length, start = clock.now
  while (sockets.length === before && clock.now - start < most) await clock.pass(50)
  return sockets.length > before ? clock.now - start : Infinity
}
