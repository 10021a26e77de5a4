/** When there is good reason to say that a place is that of a passage. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { accepted } from '../../collabchat_asgi/static/anchors/accepted.js'
import { quoteOf } from '../../collabchat_asgi/static/anchors/exact.js'

/** @param {string} exact  @param {number} quote  @param {number} context  @param {number} [position]  @param {boolean} [sure] */
function told(exact, quote, context, position = 0.5, sure = false) {
  const words = quoteOf({ type: 'TextQuoteSelector', exact, prefix: 'before ', suffix: ' behind' })
  assert.ok(words)
  return accepted({ start: 10, end: 10 + exact.length, quote, context, position, score: 1 }, words, { low: 10, high: 10, near: 10, sure })
}

const SENTENCE = 'Nobody on the quay believes the timetable.', WORDS = 'the timetable', WORD = 'quay'

test('the same words are known by themselves where they say enough, and by their neighbours where they do not', () => {
  assert.deepEqual([told(SENTENCE, 1, 0.25), told(SENTENCE, 1, 0.2)], [true, false])
  assert.deepEqual([told(WORD, 1, 0.6), told(WORD, 1, 0.5)], [true, false])
  assert.deepEqual([told(WORD, 1, 0.4, 1, true), told(WORD, 1, 0.7, 0.1, true)], [true, false])
})

test('the less is left of the words, the more must be of what stood around them', () => {
  for (const [quote, context] of [[0.75, 0.35], [0.6, 0.45], [0.5, 0.7], [0.3, 0.9]]) {
    assert.ok(told(SENTENCE, quote, context), `${quote}, ${context}`)
    assert.ok(!told(SENTENCE, quote - 0.01, context - 0.01), `less than ${quote}, ${context}`)
  }
  assert.ok(!told(SENTENCE, 0.29, 1))
  assert.deepEqual([told(WORDS, 0.75, 0.5), told(WORDS, 0.75, 0.4)], [true, false])
})

test('of a word that was changed nearly all that stands around it must be there, and of two characters that say as much as a word', () => {
  assert.deepEqual([told(WORD, 0.75, 0.5), told(WORD, 0.6, 0.8), told(WORD, 0.6, 0.9)], [true, false, true])
  assert.deepEqual([told('码头', 0.6, 0.8), told('码头上没有人', 0.6, 0.8)], [false, true])
})
