/** The world as the client sees it. Tests bring their own. */

/** @import { Environment } from '../typed/types.js' */

/** @param {Partial<Environment>} [given]  @returns {Environment} */
export function environment(given = {}) {
  const world = /** @type {any} */ (globalThis)
  return {
    WebSocket: world.WebSocket,
    fetch: (url, init) => world.fetch(url, init),
    storage: storage(world, 'localStorage'),
    session: storage(world, 'sessionStorage'),
    now: () => performance.now(),
    clock: () => Date.now(),
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: timer => clearTimeout(timer),
    random: () => Math.random(),
    crypto: world.crypto ?? null,
    window: world.window ?? null,
    document: world.document ?? null,
    location: world.location?.href ?? 'http://localhost/',
    warn: (message, ...more) => console.warn(message, ...more),
    ...given,
  }
}

/** Private windows and sandboxed frames throw on the mere look. @param {any} world  @param {string} name  @returns {Storage | null} */
function storage(world, name) {
  try { return world[name] ?? null } catch { return null }
}

/** @param {Environment} env  @param {number} bytes */
function hex(env, bytes) {
  const drawn = new Uint8Array(bytes).map(() => env.random() * 256)
  env.crypto?.getRandomValues(drawn)
  return [...drawn].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

/** crypto.randomUUID is missing on plain http, as on a phone in the office network. @param {Environment} env  @returns {string} */
export const uuid = env => env.crypto?.randomUUID?.() ?? hex(env, 16).replace(/(.{8})(.{4}).(.{3}).(.{3})/, '$1-$2-4$3-a$4-')

const VISITOR = 'collabchat:visitor'

/** This browser's secret: an anonymous reader's public id is a hash of it. @param {Environment} env  @returns {string} */
export function visitor(env) {
  try {
    const kept = env.storage?.getItem(VISITOR)
    if (kept && /^[\w-]{22,64}$/.test(kept)) return kept
  } catch {
    // Then it lives as long as the tab does.
  }
  const drawn = hex(env, 20)
  try { env.storage?.setItem(VISITOR, drawn) } catch { /* as above */ }
  return drawn
}

/** A timer that can be set again and never outlives its owner; browsers take a delay beyond 2^31 for none at all. */
export class Timer {
  /** @type {any} */
  #timer

  /** @param {Environment} env */
  constructor(env) { this.env = env }

  get set() { return this.#timer !== undefined }

  /** @param {number} ms  @param {() => void} callback */
  start(ms, callback) {
    this.stop()
    this.#timer = this.env.setTimeout(() => {
      this.#timer = undefined
      callback()
    }, Math.min(Math.max(0, ms), 2 ** 31 - 1))
  }

  stop() {
    if (this.#timer !== undefined) this.env.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
