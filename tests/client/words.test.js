/** What is said, and names that try to say something else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { nameOf } from '../../collabchat_asgi/static/dom.js'
import { ago, date, discussions, moment, newReplies, people, refused, typing } from '../../collabchat_asgi/static/words.js'

test('numbers agree with their words', () => {
  assert.deepEqual([people(1), people(2), people(1200)], ['1 person here', '2 people here', '1,200 people here'])
  assert.deepEqual([discussions(0), discussions(1), newReplies(2)], ['0 discussions', '1 discussion', '2 new replies'])
  assert.equal(typing(['Ada']), 'Ada is typing…')
  assert.equal(typing(['Ada', 'Ben']), 'Ada and Ben are typing…')
  assert.equal(typing(['a', 'b', 'c', 'd']), 'Several people are typing…')
})

test('time is told as people tell it, also by a clock that is behind', () => {
  const now = Date.UTC(2026, 10, 23, 12)
  assert.equal(ago(now + 90_000, now), 'just now')
  assert.equal(ago(now - 44_000, now), 'just now')
  assert.equal(ago(now - 60_000, now), '1 min. ago')
  assert.equal(ago(now - 3 * 3_600_000, now), '3 hr. ago')
  assert.equal(ago(now - 26 * 3_600_000, now), 'yesterday')
  assert.equal(ago(now - 30 * 86_400_000, now), date(now - 30 * 86_400_000))
})

test('times beyond any calendar are no times', () => {
  for (const at of [1e300, -1e300, 8.64e15]) {
    assert.equal(moment(at), '')
    assert.equal(date(at), '')
  }
})

test('a name cannot turn its line around or hide', () => {
  assert.equal(nameOf({ id: 'u', name: '\u202eadA' }), 'adA')
  assert.equal(nameOf({ id: 'u', name: '\u200b\u2066 ' }), 'Someone')
  assert.equal(nameOf({ id: 'u', name: 'x'.repeat(500) }).length, 80)
  assert.equal(nameOf({ id: 'u', name: 'Ada\nLovelace' }), 'AdaLovelace')
})

test('a refusal without known code is told in the words of the server', () => {
  assert.equal(refused({ code: 'forbidden', message: 'mind your language' }), 'Mind your language.')
  assert.equal(refused({ code: 'too-long', message: 'x' }), 'It is too long.')
  assert.equal(refused({ code: 'new-one', message: 'Come back on Monday!' }), 'Come back on Monday!')
  assert.equal(refused({ code: '__proto__', message: '' }), 'It was not accepted.')
})
