/** What has the last say on a passage that is in doubt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { quoteOf } from '../../collabchat_asgi/static/anchors/exact.js'
import { Haystack } from '../../collabchat_asgi/static/anchors/haystack.js'
import { finish } from '../../collabchat_asgi/static/anchors/revised.js'
import { settled } from '../../collabchat_asgi/static/anchors/settled.js'

/** @param {string} text  @param {string} part */
function quoted(text, part) {
  const [prefix, ...rest] = text.split(part), quote = quoteOf({ type: 'TextQuoteSelector', exact: part, prefix: prefix.slice(-64), suffix: rest.join(part).slice(0, 64) })
  assert.ok(quote)
  return quote
}

/** What is said where nothing was found. @param {string} before  @param {string} after  @param {string} part  @param {number} [near] where it should be */
function told(before, after, part, near = before.indexOf(part)) {
  const haystack = new Haystack(after), at = haystack.at(near)
  const found = finish(settled(haystack, undefined, quoted(before, part), { low: at, high: at, near: at, sure: false }, at, 0))
  const real = found && haystack.real(found.start, found.end)
  return real && after.slice(real.start, real.end)
}

test('a passage that others were put into is still one of a sentence or two, and not of half a page', () => {
  const quote = 'The keeper of the old lighthouse counts ships that pass without any wind.'
  const before = `Nobody on the quay believes it. ${quote} By noon the fog is gone and gulls took the office over.`
  const put = (/** @type {number} */ times) => quote.replace('counts ships', `counts ${'and so on, for ever and a day, '.repeat(times)}ships`)
  assert.equal(told(before, before.replace(quote, put(9)), quote), put(9))
  assert.equal(told(before, before.replace(quote, put(20)), quote), undefined)
})

test('of a word there must be more than its neighbours where others have some of them too, but for the place where it should be', () => {
  const before = 'The harbour master had gone home when the old keeper of the light wrote to the mayor of the town, who never answered.'
  const after = 'The harbour master had gone home by seven when the old warden, or keeper of the light, wrote at length to the mayor, who never answered.'
  assert.equal(told(before, after, 'keeper'), 'keeper')
  assert.equal(told(before, 'Gulls took the ticket office over by noon. '.repeat(9) + after, 'keeper'), undefined)
})

test('of a word where it should be some neighbours are enough, and a sentence there that is left for the most part needs none', () => {
  const before = 'The fog is thick at seven. Thank the keeper who counted the ships, and write to him at the light. The gulls were fed.'
  const after = 'The fog is thin at seven. Thank our keeper who counted all ships, so write to him by his light. The birds were fed.'
  assert.equal(told(before, after, 'ships', after.indexOf('ships')), 'ships')
  assert.equal(told(before, after, 'ships', after.indexOf('ships') + 60), undefined)
  const quote = 'Nobody on the quay believes the timetable of the ferry', edited = quote.replace('of the ferry', 'any longer')
  const old = `Gulls took the ticket office. ${quote}, which is older than they are.`, now = `By noon fog covers all of it. ${edited}; umbrellas were lost.`
  assert.equal(told(old, now, quote), edited.slice(0, edited.indexOf(' any longer')))
  const longer = `${quote}, or what the harbour master says in winter`
  assert.equal(told(old.replace(quote, longer), now, longer), undefined)
  assert.equal(told(old, 'A preface, and quite a bit more of it. ' + now, quote), undefined)
})

test('a long quote, of which each word takes as long as one of a short quote, is looked for less far away', () => {
  const before = 'Nobody believes it. ' + Array.from({ length: 100 }, (_, n) => `ship ${n}`).join(' ') + ' By noon the fog is gone.'
  const after = 'Gulls took the office over. '.repeat(230) + before
  assert.ok(after.indexOf('ship') > 6000)
  const ships = (/** @type {string} */ end) => before.slice(before.indexOf('ship'), before.indexOf(end))
  for (const end of [' 4 ', ' 20 ']) assert.equal(told(before, after, ships(end), 0), ships(end))
  assert.equal(told(before, after, ships(' By noon'), 0), undefined)
})

test('a few words of which some were changed need more of what stood beside them', () => {
  const before = 'By noon hungry gulls were fed by the keeper of old ships and nobody knew of it.'
  const after = (/** @type {string} */ beside) => `No dog ever ${beside} were fed by the keeper of six boats and nobody knew of him.`
  assert.equal(told(before, after('saw how hungry gulls'), 'keeper of old ships'), 'keeper of')
  assert.equal(told(before, after('said that they'), 'keeper of old ships'), undefined)
})

test('of a long passage near where it should be half is enough, if a word stands beside it as it did', () => {
  const quote = 'Nobody on the quay believes the old timetable of the ferry or what the harbour master says in winter'
  const half = 'Nobody on the quay believes the old timetable of the train, nor does anybody read it now', found = 'Nobody on the quay believes the old timetable of the'
  const before = `Gulls took the ticket office. ${quote}, which is older than they are.`
  const after = (/** @type {string} */ beside) => `By noon fog covers the ${beside}. ${half}; umbrellas were lost.`
  assert.equal(told(before, after('office'), quote), found)
  assert.equal(told(before, after('harbor'), quote), undefined)
  assert.equal(told(before, 'A preface, and quite a bit more of it, because there was so much to be said. ' + after('office'), quote), undefined)
})

test('of a passage that was written anew a quarter is enough between neighbours that are left on both sides, and not beyond them', () => {
  const quote = 'Nobody on the quay believes the old timetable', before = `Gulls took the ticket office over at noon. ${quote}. Umbrellas were lost in the rain that day.`
  const after = (/** @type {string} */ first, /** @type {string} */ last) => `Gulls took the ${first} over at noon. Travellers are told to ask at the quay, for there is no timetable. Umbrellas were lost in ${last} that day.`
  assert.equal(told(before, after('ticket office', 'the rain'), quote), 'the quay, for there is no timetable')
  assert.equal(told(before, after('ticket office', 'the rain'), quote, before.indexOf(quote) + 200), undefined)
  assert.equal(told(before, 'By seven the fog is gone. Travellers are told to ask at the quay, for there is no timetable. Nobody minds.', quote), undefined)
  // At an edge of the text there are neighbours on one side alone.
  assert.equal(told(before.slice(before.indexOf(quote)), after('ticket office', 'the rain').slice(43), quote, 0), undefined)
})

test('of a word that stands where it should, as it stood, nine words around it say so, though most of one side is new', () => {
  const before = 'By noon the hungry gulls were fed by an elderly keeper of wooden ships, and nobody in the whole harbour had ever known of it.'
  const after = (/** @type {string} */ rest) => `In winter some gulls, as we read there, like bread that comes from a young keeper ${rest}`
  const whole = after('of old wooden ships, and nobody in the whole harbour had ever known of it.'), at = whole.indexOf('keeper')
  assert.equal(told(before, whole, 'keeper', at), 'keeper')
  assert.equal(told(before, after('of old wooden ships, and nobody in the whole town knew him.'), 'keeper', at), undefined)
})
