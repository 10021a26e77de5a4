/**
 * The client with nothing replaced but its storage, against a server process. test_real_server.py starts it, and kills and revives
 * the server where it is told to: `kill` and `revive` on stdout, an answer on stdin.
 */
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { CollabClient } from '../client/subject.js'
import { ANCHOR, MemoryStorage } from '../client/world.js'

/** @typedef {import('../../collabchat_asgi/static/client/client.js').Page} Page */
/** @typedef {import('../../collabchat_asgi/static/typed/types.js').PageState} PageState */

const PREFIX = process.env.COLLABCHAT_URL
const DEADLINE = 20_000
const skip = PREFIX ? false : 'test_real_server.py starts the server'

/** A browser of `name`'s. @param {string} name */
const browser = (name, storage = new MemoryStorage()) => new CollabClient({ prefix: PREFIX, token: () => name, environment: { storage, warn: () => {} } })

let pages = 0
const somewhere = (folder = 'page') => `/${folder}/${process.pid}/${++pages}`

/**
 * The state for which `fits` holds: now, or after a change.
 * @param {Page} page  @param {(state: PageState) => unknown} fits
 * @returns {Promise<PageState>}
 */
function until(page, fits) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`this did not come about: ${fits}\n${JSON.stringify(page.state)}`)), DEADLINE)
    const look = () => {
      if (!fits(page.state)) return
      clearTimeout(timer)
      for (const away of aways) away()
      resolve(page.state)
    }
    const aways = [page.on('change', look), page.on('status', look), page.on('presence', look)]
    look()
  })
}

/** @param {PageState} state */
const bodies = ({ chats }) => chats.flatMap(chat => chat.comments.map(comment => comment.body)).sort()
/** @param {PageState} state */
const live = ({ status, pending }) => status === 'live' && !pending
/** What two screens must agree on. @param {PageState} state */
const shown = ({ position, chats }) => ({ position, chats: [...chats].sort((a, b) => a.id < b.id ? -1 : 1) })

/** @type {AsyncIterator<string> | undefined} */
let answers
after(() => { process.stdin.destroy() })

/** Have the parent do something to the server. @param {'kill' | 'revive'} what */
async function server(what) {
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  process.stdout.write(`\n@${what}\n`)
  assert.equal((await answers.next()).value, 'done')
}

test('subscribe, operations, and the same page on both screens', { skip }, async () => {
  const ann = browser('ann'), bob = browser('bob'), urlId = somewhere()
  const one = ann.page(urlId), two = bob.page(urlId)
  await Promise.all([until(one, live), until(two, live)])
  const { chatId, settled } = one.createChat(ANCHOR, 'First')
  assert.equal(one.state.chats[0]?.pending, true, 'it shows at once')
  assert.deepEqual(await settled, { ok: true })
  await until(two, state => state.chats.length === 1)
  const reply = two.addComment(chatId, 'Second')
  two.editComment(chatId, /** @type {string} */ (reply.commentId), 'Second, better')
  one.addReaction(chatId, one.state.chats[0].comments[0].id, '👍')
  two.resolve(chatId)
  const done = (/** @type {PageState} */ state) => live(state) && state.position.seq === 5
  assert.deepEqual(shown(await until(one, done)), shown(await until(two, done)))
  assert.deepEqual(bodies(one.state), ['First', 'Second, better'])
  assert.equal(one.state.chats[0].resolved?.by.id, 'bob')
  const foreign = one.editComment(chatId, /** @type {string} */ (reply.commentId), 'not mine')
  assert.equal(/** @type {any} */ (await foreign.settled).refusal.code, 'forbidden')
  assert.deepEqual(one.state.drafts.map(draft => draft.text), ['not mine'])
  ann.destroy()
  bob.destroy()
})

test('presence and typing', { skip }, async () => {
  const ann = browser('ann'), bob = browser('bob'), urlId = somewhere()
  const one = ann.page(urlId)
  await until(one, live)
  const { chatId } = one.createChat(ANCHOR, 'First')
  const two = bob.page(urlId)
  await Promise.all([until(one, state => state.users === 2), until(two, state => live(state) && state.users === 2)])
  const typing = new Promise(resolve => one.on('typing', resolve))
  two.typing(chatId)
  assert.deepEqual(await typing, { chatId, users: [{ id: 'bob', name: 'Bob' }] })
  bob.destroy()
  await until(one, state => state.users === 1)
  ann.destroy()
})

test('a host that is away for a moment: retry, in order', { skip }, async () => {
  const ann = browser('ann'), page = ann.page(somewhere('stumble'))
  await until(page, live)
  const { chatId } = page.createChat(ANCHOR, 'First')
  page.addComment(chatId, 'Second')
  page.createChat(ANCHOR, 'Other')
  await until(page, state => live(state) && state.position.seq === 3)
  assert.deepEqual(bodies(page.state), ['First', 'Other', 'Second'])
  assert.deepEqual(page.state.drafts, [])
  ann.destroy()
})

test('a large page comes over HTTP', { skip }, async () => {
  const ann = browser('ann'), bob = browser('bob'), urlId = somewhere()
  const one = ann.page(urlId)
  await until(one, live)
  for (let n = 0; n < 12; n++) one.createChat(ANCHOR, `${n} ${'long '.repeat(300)}`)
  await until(one, state => live(state) && state.position.seq === 12)
  const two = bob.page(urlId)
  assert.deepEqual(shown(await until(two, state => live(state) && state.position.seq === 12)), shown(one.state))
  ann.destroy()
  bob.destroy()
})

test('kill -9, words meanwhile, a reload, and the server again: nothing is lost', { skip }, async () => {
  const kept = new MemoryStorage(), urlId = somewhere()
  let ann = browser('ann', kept)
  const bob = browser('bob'), two = bob.page(urlId)
  let one = ann.page(urlId)
  await Promise.all([until(one, live), until(two, live)])
  const { chatId, settled } = one.createChat(ANCHOR, 'Before')
  await settled
  await until(two, state => state.chats.length === 1)
  await server('kill')
  await Promise.all([until(one, state => state.status !== 'live'), until(two, state => state.status !== 'live')])
  one.addComment(chatId, 'While it was away')
  two.addComment(chatId, 'So did I')
  ann.destroy()
  ann = browser('ann', kept)
  one = ann.page(urlId)
  assert.equal(one.state.pending, 0, 'nobody knows yet who is here')
  one.addComment(chatId, 'After the reload')
  await server('revive')
  ann.connect()
  bob.connect()
  const done = (/** @type {PageState} */ state) => live(state) && state.position.seq === 4
  assert.deepEqual(shown(await until(one, done)), shown(await until(two, done)))
  assert.deepEqual(bodies(one.state), ['After the reload', 'Before', 'So did I', 'While it was away'])
  const [{ comments }] = one.state.chats, order = comments.map(comment => comment.body)
  assert.ok(order.indexOf('While it was away') < order.indexOf('After the reload'), 'in the order they were written')
  ann.destroy()
  bob.destroy()
})
