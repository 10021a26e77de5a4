/** Where a passage should be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { astray, expectedBetween } from '../../collabchat_asgi/static/anchors/expected.js'
import { Haystack } from '../../collabchat_asgi/static/anchors/haystack.js'

const haystack = new Haystack('x'.repeat(1000))
const none = { left: undefined, right: undefined }

test('what was found on both sides says where it is, and whether something was cut between them', () => {
  assert.deepEqual(expectedBetween(haystack, { left: { from: 100, to: 150 }, right: { from: 300, to: 350 } }, 200, 900), { low: 250, high: 250, near: 250, sure: true })
  assert.deepEqual(expectedBetween(haystack, { left: { from: 100, to: 150 }, right: { from: 300, to: 450 } }, 200, 900), { low: 250, high: 350, near: 300, sure: true })
  assert.deepEqual(expectedBetween(haystack, { left: { from: 100, to: 150 }, right: { from: 300, to: 250 } }, 200, 900), { low: 150, high: 250, near: 200, sure: false })
})

test('where nothing was found, the edges of the text are what they were', () => {
  assert.deepEqual(expectedBetween(haystack, none, 200, 800), { low: 200, high: 400, near: 250, sure: false })
  assert.deepEqual(expectedBetween(haystack, { left: { from: 100, to: 150 }, right: undefined }, 200, 900), { low: 250, high: 300, near: 256, sure: false })
  assert.deepEqual(expectedBetween(haystack, { left: undefined, right: { from: 300, to: 250 } }, 200, 900), { low: 150, high: 200, near: 167, sure: false })
  // One that somebody else wrote does not say how long its text was, or says what cannot be.
  assert.deepEqual(expectedBetween(haystack, none, 200, 0), { low: 200, high: 200, near: 200, sure: false })
  for (const [start, length] of [[5000, 100], [2 ** 53 - 1, 1], [0, 2 ** 53 - 1]]) {
    const { low, high, near } = expectedBetween(haystack, none, start, length)
    assert.ok(low >= 0 && low <= high && high <= 1000 && near >= 0 && near <= 1000, `${start} of ${length}: ${low}, ${near}, ${high}`)
  }
})

test('a place between is not astray', () => {
  const expected = expectedBetween(haystack, none, 200, 800)
  assert.deepEqual([150, 200, 300, 400, 401].map(at => astray(expected, at)), [50, 0, 0, 0, 1])
})
