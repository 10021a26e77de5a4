/** Bit-parallel search says what the plain table of edit distances says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Pattern, Search } from '../../collabchat_asgi/static/anchors/search.js'
import { seeded } from './world.js'

/** @param {string} pattern  @param {string} text  @param {boolean} bound */
function table(pattern, text, bound) {
  let row = Array.from({ length: text.length + 1 }, (_, j) => bound ? j : 0)
  for (let i = 1; i <= pattern.length; i++) {
    const next = [i]
    for (let j = 1; j <= text.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (pattern[i - 1] === text[j - 1] ? 0 : 1))
    row = next
  }
  return row
}

test('it is the edit distance, whatever the length', () => {
  const random = seeded(3)
  const words = (/** @type {number} */ length) => Array.from({ length }, () => random.pick([...'abcdé漢'])).join('')
  for (let n = 0; n < 200; n++) {
    const pattern = words(1 + random.below(n % 4 ? 40 : 140)), text = words(random.below(160))
    for (const bound of [true, false]) assert.deepEqual([...new Pattern(pattern).distances(text, bound)], table(pattern, text, bound), `${pattern} in ${text}, ${bound}`)
  }
})

test('a lookalike with fewer errors hides nothing', () => {
  const text = 'Team Beta reported a growth of twelve percent. Nothing else. Team Alpha told of growth by twelve percents.'
  const found = new Search('Team Alpha reported a growth of twelve percent').all(text, 18, 6).map(({ start, end }) => text.slice(start, end))
  assert.equal(found.length, 2)
  assert.match(found[0], /^Team Beta reported a growth of twelve percent$/)
  assert.match(found[1], /^Team Alpha told of growth by twelve percents?$/)
})
