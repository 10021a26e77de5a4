/** Words that were begun, as a tab keeps them over its loads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStorage } from './world.js'

const WHOLE = '[]'
const NOBODY = { urlId: '/page' }
const ANN = { urlId: '/page', tenantId: 'acme', user: { id: 'ann', name: 'Ann' } }

let loads = 0
/** A load of the page in a tab that keeps this. @param {MemoryStorage} storage  @returns {Promise<(prefix: string) => any>} of a server */
const loaded = async storage => {
  Object.defineProperty(globalThis, 'sessionStorage', { value: storage, configurable: true })
  const { unsentAt } = await import(`../../collabchat_asgi/static/widget/unsent.js?load=${++loads}`)
  return prefix => unsentAt(`http://[::1]:8000/${prefix}/`)
}
/** @param {MemoryStorage} storage */
const load = async storage => (await loaded(storage))('collabchat')

test('what was begun before anybody was known joins what its writer had begun', async () => {
  const storage = new MemoryStorage()
  const first = await load(storage)
  first.keep(ANN, WHOLE, 'on Monday')
  const second = await load(storage)
  second.keep(NOBODY, WHOLE, 'on Tuesday')
  second.claim(ANN)
  assert.equal(second.words(ANN, WHOLE), 'on Monday\non Tuesday')
  assert.deepEqual(second.begun(ANN).map((/** @type {any} */ each) => each.words), ['on Monday\non Tuesday'])
  const third = await load(storage)
  third.claim(ANN)
  assert.equal(third.words(ANN, WHOLE), 'on Monday\non Tuesday')
  assert.equal(third.words(NOBODY, WHOLE), '')
})

test('where nothing may be stored, words live as long as the page does', async () => {
  const storage = new MemoryStorage()
  storage.broken = true
  const words = await load(storage)
  words.keep(NOBODY, WHOLE, 'begun')
  assert.equal(words.words(ANN, WHOLE), 'begun')
  words.claim(ANN)
  assert.deepEqual([words.words(ANN, WHOLE), words.words(NOBODY, WHOLE)], ['begun', ''])
  words.keep(ANN, WHOLE, '')
  assert.deepEqual([words.words(ANN, WHOLE), words.begun(ANN)], ['', []])
})

test('nobody\'s words are not the next one\'s, and Ann\'s stay hers', async () => {
  const storage = new MemoryStorage()
  const words = await load(storage)
  words.keep(ANN, 'chat', 'Ann\'s')
  words.keep(NOBODY, WHOLE, 'somebody\'s')
  words.forgetNobodys()
  const bob = { ...ANN, user: { id: 'bob', name: 'Bob' } }
  words.claim(bob)
  assert.deepEqual([words.words(bob, WHOLE), words.words(bob, 'chat'), words.words(ANN, 'chat')], ['', '', 'Ann\'s'])
})

test('two servers of one origin keep words apart', async () => {
  const storage = new MemoryStorage(), at = await loaded(storage), one = at('one'), other = at('other')
  one.keep(ANN, 'chat', 'for the one')
  one.keep(NOBODY, WHOLE, 'nobody\'s')
  assert.deepEqual([other.words(ANN, 'chat'), other.words(NOBODY, WHOLE), other.begun(ANN)], ['', '', []])
  other.keep(ANN, 'chat', 'for the other')
  // Who signs out of the one is still to be known by the other.
  other.forgetNobodys()
  other.claim(ANN)
  const again = await loaded(storage), back = again('one')
  back.claim(ANN)
  assert.deepEqual([back.words(ANN, 'chat'), back.words(ANN, WHOLE), again('other').words(ANN, 'chat')], ['for the one', 'nobody\'s', 'for the other'])
})

test('what an older release has left is there, until it is changed', async () => {
  const storage = new MemoryStorage()
  const left = (/** @type {unknown[]} */ ...key) => `collabchat:unsent:${JSON.stringify(key)}`
  storage.setItem(left('acme', '/page', 'ann', 'chat'), 'an answer')
  storage.setItem(left('acme', '/page', 'ann', WHOLE), 'a beginning')
  storage.setItem(left(null, '/page', null, 'other'), 'before it knew')
  const words = await load(storage)
  words.claim(ANN)
  assert.deepEqual(['chat', WHOLE, 'other'].map(about => words.words(ANN, about)), ['an answer', 'a beginning', 'before it knew'])
  assert.deepEqual(words.begun(ANN).map((/** @type {any} */ each) => each.words), ['a beginning'])
  words.keep(ANN, WHOLE, 'a beginning, and more')
  words.keep(ANN, 'chat', '')
  const again = await load(storage)
  assert.deepEqual(['chat', WHOLE, 'other'].map(about => again.words(ANN, about)), ['', 'a beginning, and more', 'before it knew'])
  assert.deepEqual(again.begun(ANN).map((/** @type {any} */ each) => each.words), ['a beginning, and more'])
})
