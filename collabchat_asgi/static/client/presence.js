/** Who is here: how many people, by how many connections, and, where the host tells it, who they are. */

/** @import { User } from '../typed/types.js' */
import { count, list, readUser, text } from './protocol.js'

export class Presence {
  /** Nothing until it is known. @type {number | undefined} */
  #users
  /** @type {number | undefined} */
  #connections
  /** By their ids. @type {Map<string, User> | undefined} */
  #people

  /** Of a page's state. @returns {{users?: number, connections?: number, people?: readonly User[]}} */
  get here() {
    return {
      ...this.#users !== undefined && { users: this.#users }, ...this.#connections !== undefined && { connections: this.#connections },
      ...this.#people && { people: [...this.#people.values()] },
    }
  }

  clear() { this.#users = this.#connections = this.#people = undefined }

  /** A frame `subscribed`. @param {Record<string, any>} frame */
  begin(frame) {
    this.#people = frame.people === undefined ? undefined : new Map(list(frame.people, readUser).map(user => [user.id, user]))
    this.#count(frame)
  }

  /** A frame `presence`. @param {Record<string, any>} frame  @returns {import('../typed/types.js').PageEvents['presence']} */
  change(frame) {
    const joined = list(frame.joined ?? [], readUser), left = list(frame.left ?? [], text)
    if (this.#people || joined.length) {
      const people = this.#people ??= new Map()
      for (const id of left) people.delete(id)
      for (const user of joined) people.set(user.id, user)
      // A list that does not fit the count is none: the page has outgrown it, or something was missed.
      if (people.size !== frame.users) this.#people = undefined
    }
    this.#count(frame)
    return { users: count(frame.users), connections: count(frame.connections), joined, left }
  }

  /** @param {Record<string, any>} frame */
  #count({ users, connections }) {
    if (users !== undefined) this.#users = count(users)
    if (connections !== undefined) this.#connections = count(connections)
  }
}
