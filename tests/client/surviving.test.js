/** How much of a passage is left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { surviving, worth } from '../../collabchat_asgi/static/anchors/surviving.js'

test('what was put in takes nothing away, what was cut does, and what is other words is nothing', () => {
  assert.equal(surviving('one two three', 'one two three'), 1)
  assert.equal(surviving('one two three', 'one two, and very many other words besides, three'), 1)
  assert.equal(surviving('abcdefghij', 'abcde'), 0.5)
  assert.equal(surviving('one two three', 'nothing of all this'), 0)
  // In its order alone.
  assert.equal(surviving('aaaaabbbbb', 'bbbbbaaaaa'), 0.5)
  // Less than a piece is chance, and a piece is shorter where a character is a word.
  assert.equal(surviving('abc', 'abc'), 0)
  assert.equal(surviving('灯塔看守', '灯塔的看守'), 1)
})

test('a character of a script without blanks says as much as three', () => {
  assert.equal(worth('light'), 5)
  assert.equal(worth('灯塔 a'), 8)
})
