/** The same words in another form, and the way back to the words as they stand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Haystack, fold } from '../../collabchat_asgi/static/anchors/haystack.js'
import { seeded } from './world.js'

test('white space, quotes, dashes, dots and composed letters are of one form', () => {
  for (const [one, other] of [
    ['He said “yes”', "He said 'yes'"], ['« mot »', '"mot"'], ['rock ’n’ roll', "rock 'n' roll"], ['a – b', 'a--b'], ['a—b', 'a - b'],
    ['and so…', 'and so...'], ['cafe\u0301', 'café'], ['在 Vue 中\n使用', '在Vue中使用'], ['5 %', '5%'], ['„so“', '"so"'],
  ]) assert.equal(fold(one), fold(other), `${one} | ${other}`)
  assert.notEqual(fold('a b c'), fold('a c b'))
})

test('each folded stretch leads back to the words that it came from', () => {
  const random = seeded(5)
  const words = ['fox ', '“hen” ', '— ', 'cafe\u0301', ' …', '🦊', '漢字', '--', ' « x »', 'e\u0301', 'plain', ' and']
  for (let n = 0; n < 100; n++) {
    const text = Array.from({ length: 1 + random.below(20) }, () => random.pick(words)).join('').trim()
    const haystack = new Haystack(text), { plain: folded } = haystack
    for (let start = 0; start < folded.length; start++) {
      const end = start + 1 + random.below(folded.length - start), real = haystack.real(start, end)
      const again = fold(text.slice(real.start, real.end))
      // An end within what was folded to several takes all of it.
      assert.ok(again.includes(folded.slice(start, end)) && again.length <= end - start + 6, `${text}: ${start} to ${end} is ${again}`)
      assert.ok(!/^\s|\s$/.test(text.slice(real.start, real.end)), JSON.stringify([text, start, end, real]))
    }
    assert.equal(haystack.length, [...text].length)
    let points = 0, units = 0
    for (const point of text) {
      const at = haystack.unit(points++)
      if (/[a-z漢字🦊]/u.test(point)) assert.equal(haystack.real(at, at + 1).start, units, `${text}: ${points}`)
      units += point.length
    }
  }
})

test('a long text is made ready in pieces, however little or much of it is odd, and nothing is cut through between them', () => {
  for (const text of ['海鸥占领售票处'.repeat(30_000), 'a '.repeat(100_000), 'letters'.repeat(30_000)]) {
    const haystack = new Haystack(text, true)
    let pieces = 0
    for (const _ of haystack.making()) pieces++
    assert.ok(pieces > text.length / 16_384, `${pieces} of ${text.slice(0, 8)}`)
    assert.equal(haystack.plain, text.replaceAll(' ', ''))
  }
  for (const odd of ['—–--', ' \n ', '“ ”', 'e\u0301\u0302', '🦊🦊', '……']) {
    for (let before = 8192 - odd.length; before <= 8192; before++) {
      const text = 'a'.repeat(before) + odd + 'b'.repeat(9000), haystack = new Haystack(text), folded = fold(odd)
      assert.equal(haystack.plain, 'a'.repeat(before) + folded + 'b'.repeat(9000), odd)
      assert.deepEqual(haystack.real(before + folded.length, before + folded.length + 1), { start: before + odd.length, end: before + odd.length + 1 }, odd)
      assert.equal(haystack.length, [...text].length)
    }
  }
})
