/** What a passage is written down as, and whether it is found again: or honestly not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Haystack, describe, match, quoted, trimmed } from '../../collabchat_asgi/static/anchors/anchor.js'
import { normalised } from '../../collabchat_asgi/static/anchors/text.js'
import { seeded } from './world.js'

/** @typedef {import('../../collabchat_asgi/static/typed/types.js').Anchor} Anchor */

const STORY = 'A harbour in four movements. The ferry leaves at seven. Nobody on the quay believes the timetable, and the timetable does not mind. '
  + 'Team Alpha reported a growth of twelve percent in the second quarter. The harbour master writes it down twice. '
  + 'The ferry leaves at nine. By then the fog has gone and the gulls have taken over the ticket office.'

/** @param {string} text  @param {string} part  @param {number} [nth] */
function passage(text, part, nth = 0) {
  let start = -1
  for (let i = 0; i <= nth; i++) start = text.indexOf(part, start + 1)
  assert.ok(start >= 0, part)
  return { start, end: start + part.length }
}

/** @param {string} text  @param {string} part  @param {number} [nth] */
const anchorOf = (text, part, nth) => describe(text, passage(text, part, nth))

/** @param {string} text  @param {Anchor} anchor */
function found(text, anchor) {
  const at = match(new Haystack(text), anchor)
  return at && text.slice(at.start, at.end)
}

const bytes = (/** @type {unknown} */ value) => Buffer.byteLength(JSON.stringify(value))

test('an anchor is W3C selectors, counted in code points', () => {
  const text = '🦊🦊 fox and hen'
  assert.deepEqual(anchorOf(text, 'and'), {
    selector: [{ type: 'TextQuoteSelector', exact: 'and', prefix: '🦊🦊 fox ', suffix: ' hen' }, { type: 'TextPositionSelector', start: 7, end: 10 }],
    length: 14,
  })
})

test('every passage of a text is found where it was', () => {
  const random = seeded(7)
  const haystack = new Haystack(STORY)
  for (let i = 0; i < 300; i++) {
    const start = random.below(STORY.length - 1), end = start + 1 + random.below(STORY.length - start)
    const given = trimmed(STORY, start, end)
    if (given) assert.deepEqual(match(haystack, describe(STORY, given)), given)
  }
})

test('of two equal passages each is found in its own surroundings, also when text came before', () => {
  for (const nth of [0, 1]) {
    const anchor = anchorOf(STORY, 'The ferry leaves at', nth)
    const longer = 'A new first paragraph. '.repeat(9) + STORY
    assert.deepEqual(match(new Haystack(longer), anchor), passage(longer, 'The ferry leaves at', nth))
  }
})

test('quotes, dashes and composed letters may change, and positions stay those of the real text', () => {
  const anchor = anchorOf('He said "yes" - to the cafe\u0301 at the corner, and went home.', 'yes" - to the cafe\u0301')
  assert.equal(found('He said “yes” – to the café at the corner, and went home.', anchor), 'yes” – to the café')
  const decomposed = 'Cafe\u0301 cafe\u0301 cafe\u0301. He said “yes” - to the cafe\u0301 at the corner, and went home.'
  assert.equal(found(decomposed, anchor), 'yes” - to the cafe\u0301')
})

test('a deleted passage does not move to a lookalike', () => {
  const anchor = anchorOf(STORY, 'Team Alpha reported a growth of twelve percent in the second quarter.')
  const edited = STORY.replace('Team Alpha reported a growth of twelve percent in the second quarter.', '') + ' Team Beta reported a growth of twelve percent in the third quarter.'
  assert.equal(found(edited, anchor), undefined)
})

test('a short quote needs its surroundings', () => {
  const anchor = anchorOf(STORY, 'fog')
  assert.equal(found('Only fog here, in a text about something else entirely.', anchor), undefined)
  assert.equal(found(STORY.replace('has gone', 'had gone'), anchor), 'fog')
})

test('an empty side is no evidence', () => {
  const anchor = anchorOf('Linus', 'Linus')
  assert.equal(found('Linus', anchor), 'Linus')
  assert.equal(found('Somebody mentions Linus in the middle of a longer text.', anchor), undefined)
})

test('a long passage is kept by its two ends, and shrinks with neither half of it gone', () => {
  const long = STORY + ' ' + 'Nothing is as long as a winter on the coast. '.repeat(8).trim() + ' The end came in March, with rain and a new timetable for all. Later nobody spoke of it.'
  const given = passage(long, long.slice(long.indexOf('Nobody'), long.indexOf(' Later')))
  const anchor = describe(long, given)
  assert.equal(anchor.selector[0].type, 'RangeSelector')
  assert.ok(bytes(anchor) < 900)
  assert.deepEqual(match(new Haystack(long), anchor), given)
  assert.match(quoted(anchor), /^Nobody on the quay .* … .*for all\.$/)
  assert.equal(found(long.slice(0, given.start + 70) + long.slice(given.end - 70), anchor), undefined)
})

test('no anchor is too large for the server, whatever the script', () => {
  for (const [sample, good] of [['The quick brown fox jumps. ', true], ['Съешь же ещё этих мягких булок. ', false], ['色は匂へど散りぬるを我が世誰ぞ常ならむ', false], ['👨‍👩‍👧‍👦🏳️‍🌈', false], ['"\\"\\', false]]) {
    const text = normalised(String(sample).repeat(200))
    for (const length of [1, 40, 120, 255, 256, 257, 1000, 2000]) {
      const given = trimmed(text, 500, 500 + length)
      if (!given) continue
      const anchor = describe(text, given)
      assert.ok(bytes(anchor) <= 900, `${sample} ${length}: ${bytes(anchor)}`)
      if (good && length <= 40) assert.ok(bytes(anchor) <= 360)
      for (const each of anchor.selector) assert.doesNotMatch(JSON.stringify(each), /\\ud[89a-f]/i)
    }
  }
})

test('a family is not torn apart', () => {
  const text = 'Here 👨‍👩‍👧‍👦 they come'
  const at = text.indexOf('👩')
  assert.deepEqual(trimmed(text, at, at + 2), passage(text, '👨‍👩‍👧‍👦'))
})

test('white space, zero width and control characters do not count', () => {
  assert.equal(normalised('  a\u00a0\n\tb\u200bc\u00ad\u202ed\u0000e  f '), 'a bcde f')
  assert.equal(normalised('\u0645\u06cc\u200c\u062e'), '\u0645\u06cc\u200c\u062e', 'a joiner belongs to the word')
  assert.equal(normalised('half \ud83d of it'), 'half of it')
  assert.equal(normalised('a\t🦊 \udd8a🦊'), 'a 🦊 🦊')
  assert.equal(normalised('a\u00ad\nb\u061cc\u0085d'), 'a bc d', 'what is left out takes no white space with it')
})

test('hostile selectors come to an end, and find nothing', () => {
  const text = 'a'.repeat(100_000)
  const haystack = new Haystack(text)
  const hostile = [
    { selector: [], length: 0 },
    { selector: [{ type: 'TextQuoteSelector', exact: 'a', prefix: 'b'.repeat(800), suffix: 'b'.repeat(800) }], length: 5 },
    { selector: [{ type: 'TextQuoteSelector', exact: 'a'.repeat(800) + 'b' }, { type: 'TextPositionSelector', start: 2 ** 53, end: -1 }], length: 2 ** 53 },
    { selector: [{ type: 'TextQuoteSelector', exact: 7 }, { type: '__proto__' }, { type: 'RangeSelector' }, { type: 'TextPositionSelector', start: 'x' }], length: 1 },
    { selector: Array(8).fill({ type: 'RangeSelector', startSelector: { type: 'TextQuoteSelector', exact: 'aa', prefix: 'c'.repeat(800) }, endSelector: { type: 'TextQuoteSelector', exact: 'b' } }), length: 1 },
  ]
  for (const anchor of hostile) assert.equal(match(haystack, /** @type {any} */ (anchor)), undefined)
  assert.equal(quoted(/** @type {any} */ (hostile[3])), '')
})
