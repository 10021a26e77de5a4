/** Who is typing in the discussions of a page, and how often we say that we are. */

/** @import { Environment, User } from '../typed/types.js' */
import { Timer } from './browser.js'

const SAID_EVERY = 3000
const SHOWN = 5000
/** A hostile server must not make the page remember without end. */
const MOST = 500

export class Typing {
  /** When it was last said, by chat. @type {Map<string, number>} */
  #said = new Map()
  /** @type {Map<string, Map<string, {user: User, until: number}>>} */
  #users = new Map()

  /** @param {Environment} env  @param {(chatId: string, users: User[]) => void} tell everybody else who is typing there now */
  constructor(env, tell) {
    this.env = env
    this.tell = tell
    this.over = new Timer(env)
  }

  /** Whether it is time to say once more that this reader is typing. @param {string} chatId */
  due(chatId) {
    const now = this.env.now()
    if (now - (this.#said.get(chatId) ?? -SAID_EVERY) < SAID_EVERY) return false
    if (this.#said.size > MOST) this.#said.clear()
    this.#said.set(chatId, now)
    return true
  }

  /** @param {string} chatId  @param {User} user */
  begins(chatId, user) {
    const users = this.#users.get(chatId) ?? new Map()
    if (users.size >= MOST) return
    users.set(user.id, { user, until: this.env.now() + SHOWN })
    this.#users.set(chatId, users)
    this.#tell(chatId)
    if (!this.over.set) this.#watch()
  }

  /** @param {string} chatId  @param {string} userId */
  ends(chatId, userId) { if (this.#users.get(chatId)?.delete(userId)) this.#tell(chatId) }

  stop() { this.over.stop() }

  /** @param {string} chatId */
  #tell(chatId) {
    const users = [...this.#users.get(chatId)?.values() ?? []].map(each => each.user)
    if (!users.length) this.#users.delete(chatId)
    this.tell(chatId, users)
  }

  #watch() {
    const now = this.env.now()
    let next = Infinity
    for (const [chatId, users] of this.#users) {
      const before = users.size
      for (const [id, { until }] of users) until <= now ? users.delete(id) : next = Math.min(next, until)
      if (users.size !== before) this.#tell(chatId)
    }
    if (next < Infinity) this.over.start(next - now, () => this.#watch())
  }
}
