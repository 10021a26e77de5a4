/** What not every browser brings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { environment, uuid } from '../../collabchat_asgi/static/client/browser.js'
import { wellFormed } from '../../collabchat_asgi/static/client/protocol.js'

for (const [where, crypto] of /** @type {[string, any][]} */ ([['plain http', { getRandomValues: globalThis.crypto.getRandomValues.bind(globalThis.crypto) }], ['no crypto at all', null]])) {
  test(`ids are UUIDs in canonical form on ${where}`, () => {
    const drawn = new Set(Array.from({ length: 1000 }, () => uuid(environment({ crypto }))))
    assert.equal(drawn.size, 1000)
    for (const id of drawn) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
}

test('only lone surrogates are replaced', () => {
  assert.equal(wellFormed('a\ud83d b\udd8a\ud83d\ude00\ufeff\0'), 'a\ufffd b\ufffd😀\ufeff\0')
  assert.equal(wellFormed('\ufefffirst'), '\ufefffirst')
})
