/** Which stretches a long text has not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Grams } from '../../collabchat_asgi/static/anchors/grams.js'
import { seeded } from './world.js'

test('what a text has it may have, also across two pieces of work; most of what it has not it cannot have', () => {
  const random = seeded(3), word = () => Array.from({ length: 3 + random.below(8) }, () => random.pick([...'abcdefghijklmnopqrstuvwxyz海鸥占领'])).join('')
  const text = Array.from({ length: 9000 }, word).join('')
  const grams = new Grams(text)
  let pieces = 0
  for (const _ of grams.making()) pieces++
  assert.ok(pieces >= text.length / 16_384, String(pieces))
  for (let at = 0; at + 12 < text.length; at += 7) assert.ok(grams.may(text.slice(at, at + 12)), String(at))
  for (let at = 16_384 - 20; at < 16_384 + 20; at++) assert.ok(grams.may(text.slice(at, at + 12)), String(at))
  const strange = Array.from({ length: 1000 }, () => Array.from({ length: 4 }, word).join('').slice(0, 12)).filter(part => !text.includes(part))
  assert.ok(strange.filter(part => grams.may(part)).length < strange.length / 20)
  assert.ok(grams.may('short'), 'too short to be told')
})
