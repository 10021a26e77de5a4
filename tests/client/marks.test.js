/** Marks at the scroll bar. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { APART, marks } from './subject.js'

/** @param {string} id  @param {number} at  @param {Partial<import('../../collabchat_asgi/static/widget/marks.js').Spot>} [more] */
const spot = (id, at, more) => ({ id, at, resolved: false, unread: false, ...more })

test('each is as far down as its passage, and none beyond the strip', () => {
  const made = marks([spot('end', 1.2), spot('half', 0.5), spot('before', -3)], 706)
  assert.deepEqual(made.map(({ top, ids }) => [top, ids]), [[0, ['before']], [350, ['half']], [700, ['end']]])
})

test('those that could not be told apart share one: new where one is new, settled where all are', () => {
  const made = marks([spot('c', 0.5), spot('a', 0, { resolved: true }), spot('b', 0.001, { unread: true }), spot('d', 0.501, { resolved: true }), spot('e', 0.9, { resolved: true })], 700)
  assert.deepEqual(made.map(({ ids, resolved, unread }) => ({ ids, resolved, unread })), [
    { ids: ['a', 'b'], resolved: false, unread: true }, { ids: ['c', 'd'], resolved: false, unread: false }, { ids: ['e'], resolved: true, unread: false },
  ])
})

test('two thousand make no more marks than a strip has room for, and none lies on another', () => {
  const made = marks(Array.from({ length: 2000 }, (_, n) => spot(String(n), n / 2000)), 600)
  assert.ok(made.length > 50 && made.length <= 600 / APART)
  assert.equal(made.flatMap(({ ids }) => ids).length, 2000)
  for (const [n, { top }] of made.entries()) if (n) assert.ok(top - made[n - 1].top >= APART)
})

test('of a strip without height nothing is thrown', () => assert.equal(marks([spot('a', 0.5), spot('b', 0.7)], 0).length, 1))
