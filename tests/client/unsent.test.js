/** Words that were begun, as a tab keeps them over its loads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStorage } from './world.js'

const WHOLE = '[]'
const NOBODY = { urlId: '/page' }
const ANN = { urlId: '/page', tenantId: 'acme', user: { id: 'ann', name: 'Ann' } }

let loads = 0
/** A load of the page in a tab that keeps this. @param {MemoryStorage} storage  @returns {Promise<any>} */
const load = storage => {
  Object.defineProperty(globalThis, 'sessionStorage', { value: storage, configurable: true })
  return import(`../../collabchat_asgi/static/widget/unsent.js?load=${++loads}`)
}

test('what was begun before anybody was known joins what its writer had begun', async () => {
  const storage = new MemoryStorage()
  const first = await load(storage)
  first.keep(ANN, WHOLE, 'on Monday')
  const second = await load(storage)
  second.keep(NOBODY, WHOLE, 'on Tuesday')
  second.claim(ANN)
  assert.equal(second.unsent(ANN, WHOLE), 'on Monday\non Tuesday')
  assert.deepEqual(second.begun(ANN).map((/** @type {any} */ each) => each.words), ['on Monday\non Tuesday'])
  const third = await load(storage)
  third.claim(ANN)
  assert.equal(third.unsent(ANN, WHOLE), 'on Monday\non Tuesday')
  assert.equal(third.unsent(NOBODY, WHOLE), '')
})

test('where nothing may be stored, words live as long as the page does', async () => {
  const storage = new MemoryStorage()
  storage.broken = true
  const words = await load(storage)
  words.keep(NOBODY, WHOLE, 'begun')
  assert.equal(words.unsent(ANN, WHOLE), 'begun')
  words.claim(ANN)
  assert.deepEqual([words.unsent(ANN, WHOLE), words.unsent(NOBODY, WHOLE)], ['begun', ''])
  words.keep(ANN, WHOLE, '')
  assert.deepEqual([words.unsent(ANN, WHOLE), words.begun(ANN)], ['', []])
})

test('nobody\'s words are not the next one\'s, and Ann\'s stay hers', async () => {
  const storage = new MemoryStorage()
  const words = await load(storage)
  words.keep(ANN, 'chat', 'Ann\'s')
  words.keep(NOBODY, WHOLE, 'somebody\'s')
  words.forgetNobodys()
  const bob = { ...ANN, user: { id: 'bob', name: 'Bob' } }
  words.claim(bob)
  assert.deepEqual([words.unsent(bob, WHOLE), words.unsent(bob, 'chat'), words.unsent(ANN, 'chat')], ['', '', 'Ann\'s'])
})
