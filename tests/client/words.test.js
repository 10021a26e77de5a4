/** What is said, and names that try to say something else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { nameOf } from '../../collabchat_asgi/static/widget/dom.js'
import { ago, date, moment } from '../../collabchat_asgi/static/widget/ages.js'
import { pictured } from '../../collabchat_asgi/static/widget/avatar.js'
import { barred, refused, stopped, thrown } from '../../collabchat_asgi/static/widget/refusals.js'
import { state } from '../../collabchat_asgi/static/widget/troubles.js'
import { wordsOf } from '../../collabchat_asgi/static/widget/language.js'
import { Words } from '../../collabchat_asgi/static/widget/words.js'

const words = new Words()

test('numbers agree with their words', () => {
  const here = (/** @type {number} */ n) => words.count(n, '{n} person here', '{n} people here')
  assert.deepEqual([here(0), here(1), here(2), here(1200)], ['0 people here', '1 person here', '2 people here', '1,200 people here'])
  assert.equal(words.say('{at} of {n}, {who}', { at: 1, n: 2000, who: '{n}' }), '1 of 2,000, {n}')
})

test('a language has its own numbers and forms', () => {
  const russian = new Words('ru', { '{n} replies': { one: '{n} ответ', few: '{n} ответа', many: '{n} ответов', other: '{n} ответа' } })
  const replies = (/** @type {number} */ n) => russian.count(n, '{n} reply', '{n} replies')
  assert.deepEqual([1, 2, 5, 21, 11].map(replies), ['1 ответ', '2 ответа', '5 ответов', '21 ответ', '11 ответов'])
  assert.equal(russian.count(2, '{n} sheep', '{n} sheep!'), '2 sheep!', 'what it lacks is said in English')
})

test('time is told as people tell it, also by a clock that is behind', () => {
  const now = Date.UTC(2026, 10, 23, 12)
  assert.equal(ago(words, now + 90_000, now), 'just now')
  assert.equal(ago(words, now - 44_000, now), 'just now')
  assert.equal(ago(words, now - 60_000, now), '1 min. ago')
  assert.equal(ago(words, now - 3 * 3_600_000, now), '3 hr. ago')
  assert.equal(ago(words, now - 26 * 3_600_000, now), 'yesterday')
  assert.equal(ago(words, now - 30 * 86_400_000, now), date(words, now - 30 * 86_400_000))
})

test('times beyond any calendar are no times', () => {
  for (const at of [1e300, -1e300, 8.64e15]) {
    assert.equal(moment(words, at), '')
    assert.equal(date(words, at), '')
  }
})

test('a name cannot turn its line around or hide', () => {
  assert.equal(nameOf(words, { id: 'u', name: '\u202eadA' }), 'adA')
  assert.equal(nameOf(words, { id: 'u', name: '\u200b\u2066 ' }), 'Someone')
  assert.equal(nameOf(words, { id: 'u', name: 'x'.repeat(500) }).length, 80)
  assert.equal(nameOf(words, { id: 'u', name: 'Ada\nLovelace' }), 'AdaLovelace')
})

test('a refusal without known code is told in the words of the server', () => {
  assert.equal(refused(words, { code: 'forbidden', message: 'mind your language' }), 'Mind your language.')
  assert.equal(refused(words, { code: 'too-long', message: 'x' }), 'It is too long.')
  assert.equal(refused(words, { code: 'new-one', message: 'Come back on Monday!' }), 'Come back on Monday!')
  assert.equal(refused(words, { code: '__proto__', message: '' }), 'It was not accepted.')
  assert.equal(thrown(words, Object.assign(new Error('body holds 3000 code points'), { code: 'too-long' })), 'It is too long.')
  assert.equal(thrown(words, new Error('no such draft')), 'No such draft.')
})

test('a quota is told with its end, in the reader\'s language and time', async () => {
  const until = Date.UTC(2026, 11, 1, 12), ended = { code: 'quota', message: 'your operations of this month are used up', until }
  assert.equal(refused(words, ended), `No more can be written here until ${moment(words, until)}.`)
  assert.match(refused(words, ended), /Dec 1, 2026/)
  assert.match(refused(await wordsOf('de'), ended), /^Bis 01\.12\.2026, .* kann hier nichts mehr geschrieben werden\.$/)
  assert.equal(stopped(words, ended), refused(words, ended), 'also where the whole page is refused')
  for (const until of [undefined, 1e300]) assert.equal(refused(words, { ...ended, until }), 'This page holds as much as it can.')
  assert.equal(refused(words, { ...ended, code: 'too-many' }), 'There is too much already.')
})

test('a page that a quota keeps closed is not called disconnected', async () => {
  const event = (/** @type {object} */ more) => /** @type {import('../../collabchat_asgi/static/typed/types.js').StatusEvent} */ ({ status: 'refused', reason: { code: 'quota', message: '', ...more } })
  const until = Date.UTC(2026, 11, 1, 12)
  assert.equal(state(words, event({ until })), 'Limit reached')
  assert.equal(barred(words, event({ until })), `The limit of these discussions is reached until ${moment(words, until)}.`)
  assert.match(barred(await wordsOf('de'), event({ until })), /^Das Limit .* ist bis 01\.12\.2026, .* erreicht\.$/)
  for (const none of [undefined, 1e300]) assert.equal(barred(words, event({ until: none })), 'The limit of these discussions is reached.')
  assert.equal(stopped(words, event({}).reason), 'The limit of these discussions is reached.')
})

test('a picture comes over https or from the page itself, and from nowhere else', () => {
  const base = 'http://shop.example/articles/1'
  for (const [given, href] of [
    ['https://pictures.example/ada.png', 'https://pictures.example/ada.png'], ['/media/ada.png', 'http://shop.example/media/ada.png'], ['//pictures.example/a.png', ''],
    ['http://pictures.example/ada.png', ''], ['data:image/png;base64,AAAA', ''], ['javascript:alert(1)', ''], ['blob:http://shop.example/1', ''], ['https://me:secret@pictures.example/', ''], ['https://', ''], ['', ''], [undefined, ''],
  ]) assert.equal(pictured(given, base), href, given)
  assert.equal(pictured('//pictures.example/a.png', 'https://shop.example/'), 'https://pictures.example/a.png')
})
