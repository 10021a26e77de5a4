/** What became of a passage and of its neighbours, word by word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { kept, tokens } from '../../collabchat_asgi/static/anchors/alignment.js'
import { finish } from '../../collabchat_asgi/static/anchors/revised.js'

const QUOTE = { prefix: 'The old bridge stood for ninety years. ', exact: 'Work on the new one had begun in March', suffix: '. The mayor opened it in heavy rain.' }

/** @param {typeof QUOTE} quote  @param {string} text */
function now(quote, text) {
  const left = finish(kept(quote, text))
  assert.ok(left)
  return { ...left, words: text.slice(left.start, left.end), rival: finish(left.rival()) }
}

test('a word is a word, a character of a script without blanks, or a mark in any form', () => {
  assert.deepEqual(tokens('Vue中文: “so”').map(each => each.word), ['Vue', '中', '文', ':', "'", 'so', "'"])
  assert.deepEqual(tokens('harbourmasters 中 of :').map(each => each.weight), [12, 3, 2, 0.5])
})

test('words that were put in and words that were cut change nothing of where it is', () => {
  const whole = now(QUOTE, QUOTE.prefix + QUOTE.exact + QUOTE.suffix)
  assert.deepEqual([whole.words, whole.share, whole.beside], [QUOTE.exact, 1, 1])
  const put = 'which nobody had asked for, and which some of them had written letters against, '
  const longer = now(QUOTE, `A preface. ${QUOTE.prefix}Work on the new one, ${put}had begun in March${QUOTE.suffix} An end.`)
  assert.deepEqual([longer.words, longer.share, longer.beside], [`Work on the new one, ${put}had begun in March`, 1, 1])
  const shorter = now(QUOTE, `${QUOTE.prefix}The new one had begun${QUOTE.suffix}`)
  assert.equal(shorter.words, 'new one had begun')
  assert.ok(shorter.share > 0.4 && shorter.share < 1 && shorter.beside === 1, String(shorter.share))
})

test('where none of its words is left, it is what its neighbours have between them', () => {
  const { words, share, beside } = now(QUOTE, QUOTE.prefix + 'Something else' + QUOTE.suffix)
  assert.deepEqual([words, share, beside], [' Something else', 0, 1])
  assert.equal(finish(kept(QUOTE, 'Nichts davon')), undefined)
})

test('of two places the one with its neighbours is better, and the other is its rival', () => {
  const twin = 'Gulls took the ticket office. Work on the new one had begun in March, as they say.'
  const alone = now(QUOTE, QUOTE.prefix + QUOTE.exact + QUOTE.suffix), both = now(QUOTE, `${twin} ${QUOTE.prefix}${QUOTE.exact}${QUOTE.suffix}`)
  assert.equal(both.start, alone.start + twin.length + 1)
  assert.equal(both.score, alone.score)
  assert.ok(alone.rival === 0 && both.rival > 20 && both.rival < both.score - 20, `${both.rival} of ${both.score}`)
})

test('what stands beyond two sentences is not beside it', () => {
  const far = 'The harbour master writes everything down twice. '.repeat(5)
  assert.ok(now(QUOTE, QUOTE.prefix + QUOTE.exact).nearby > 20)
  const away = now(QUOTE, QUOTE.prefix + far + QUOTE.exact)
  assert.deepEqual([away.words, away.share], [QUOTE.exact, 1])
  // But for a full stop.
  assert.ok(away.nearby < 1 && now(QUOTE, QUOTE.exact + far + QUOTE.suffix).nearby < 1, String(away.nearby))
})

test('it is in pieces, by how much there is to compare', () => {
  const text = 'The keeper counts the ships. '.repeat(500), work = kept(QUOTE, text)
  let pieces = 0
  while (!work.next().done) pieces++
  assert.ok(pieces > tokens(text).length * tokens(QUOTE.prefix + QUOTE.exact + QUOTE.suffix).length / 16_384, String(pieces))
})
