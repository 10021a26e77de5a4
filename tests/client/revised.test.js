/** Passages in a text that was revised: found, found in other words, or honestly lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Haystack, describe, locate, match, quoted } from '../../collabchat_asgi/static/anchors/anchor.js'
import { moved } from '../../collabchat_asgi/static/anchors/describe.js'
import { finish, Revised } from '../../collabchat_asgi/static/anchors/revised.js'

const TIDES = 'The old bridge stood for ninety years. Work on the new one had begun in March. The new bridge was oppened by the mayor on the twelfth of June, in heavy rain. '
  + 'The old one was pulled down in autumn. Nobody has counted the umbrellas that were lost on that day, and nobody will.'

/** @param {string} text  @param {string} part */
function anchorOf(text, part) {
  const start = text.indexOf(part)
  assert.ok(start >= 0, part)
  return describe(text, { start, end: start + part.length })
}

/** @param {string} text  @param {import('../../collabchat_asgi/static/typed/types.js').Anchor} anchor  @returns {[string, string]} */
function now(text, anchor) {
  const place = locate(new Haystack(text), anchor)
  return [place.state, place.state === 'lost' ? '' : text.slice(place.start, place.end)]
}

test('one corrected letter loses nothing: a word, a few words, a sentence', () => {
  const mended = TIDES.replace('oppened', 'opened')
  for (const [before, after] of [
    ['oppened', 'opened'], ['was oppened by the mayor', 'was opened by the mayor'],
    ['The new bridge was oppened by the mayor on the twelfth of June, in heavy rain.', 'The new bridge was opened by the mayor on the twelfth of June, in heavy rain.'],
  ]) assert.deepEqual(now(mended, anchorOf(TIDES, before)), ['changed', after])
  assert.deepEqual(now(mended, anchorOf(TIDES, 'heavy rain')), ['anchored', 'heavy rain'])
})

test('the same words in another form are the same words', () => {
  const before = 'He called it "the last word" - and left. It\'s not the last... of course, 5 % remain here for the rest of us.'
  const after = 'He called it “the last word” — and left. It’s not the last… of course, 5% remain here for the rest of us.'
  for (const [old, fresh] of [['"the last word" - and left', '“the last word” — and left'], ["It's not the last...", 'It’s not the last…'], ['5 % remain', '5% remain']]) {
    assert.deepEqual(now(after, anchorOf(before, old)), ['anchored', fresh])
  }
})

test('what was written anew is found by the words around it, where enough of it is left', () => {
  const anew = TIDES.replace('was oppened by the mayor on the twelfth of June', 'was opened to all by the mayor in June')
  assert.deepEqual(now(anew, anchorOf(TIDES, 'was oppened by the mayor on the twelfth of June')), ['changed', 'was opened to all by the mayor in June'])
})

test('a lookalike is worse than an orphan', () => {
  const report = 'First quarter results follow. Team Alpha reported a growth of twelve percent in the second quarter. The harbour master writes it down twice. '
  const without = 'First quarter results follow. The harbour master writes it down twice. ' + 'Some more words stand here for a while. '.repeat(4) + 'Team Beta reported a growth of twelve percent in the third quarter.'
  assert.deepEqual(now(without, anchorOf(report, 'Team Alpha reported a growth of twelve percent in the second quarter.')), ['lost', ''])
})

test('of the edited original and a lookalike that is closer, the original', () => {
  const before = 'Results follow here. Team Alpha reported a growth of twelve percent in the second quarter. The harbour master writes it down twice. ' + 'Other words. '.repeat(8)
  const after = before.replace('Team Alpha reported a growth of twelve percent in the second quarter.', 'Team Alpha told us of growth by twelve percent in a second quarter.') + 'Team Alfa reported a growth of twelve percent in the second quarter.'
  assert.deepEqual(now(after, anchorOf(before, 'Team Alpha reported a growth of twelve percent in the second quarter.')), ['changed', 'Team Alpha told us of growth by twelve percent in a second quarter.'])
})

test('an empty side is no evidence, also for what is only alike', () => {
  const anchor = anchorOf('The minister resigned today', 'The minister resigned today')
  assert.deepEqual(now('Long ago, in another country, the minister resigned, today forgotten by everybody but us.', anchor), ['lost', ''])
  assert.deepEqual(now('The ministers resigned today', anchor), ['changed', 'The ministers resigned today'])
})

test('a word is not found within another one', () => {
  const before = 'He sells art, and little else, in a small shop on the quay.'
  assert.deepEqual(now('The party is over. Start again, partly.', anchorOf(before, 'art')), ['lost', ''])
})

test('a word that became another one is changed, with all of its letters', () => {
  const before = 'By noon the old keeper had fed his ship and gone to the quay, where nobody waited for him.'
  for (const word of ['ships', 'steamship', 'shop']) assert.deepEqual(now(before.replace('ship', word), anchorOf(before, 'ship')), ['changed', word])
})

test('neighbours that were found show where a short word is', () => {
  const rows = Array.from({ length: 40 }, (_, n) => `Row ${n * 7919 % 1000}: ${n % 3 ? 'open' : 'shut'} since ${1900 + n}.`)
  const before = rows.join(' '), after = 'A preface. ' + rows.map((row, n) => n === 20 ? row.replace('Row', 'Line').replace('since', 'from the year') : row).join(' ')
  const start = before.indexOf(rows[20]) + rows[20].indexOf(': ') + 2
  const anchor = describe(before, { start, end: start + 4 })
  const haystack = new Haystack(after)
  for (const n of [18, 19, 21, 22]) locate(haystack, anchorOf(before, rows[n]))
  const line = after.indexOf('Line')
  assert.deepEqual(locate(haystack, anchor), { state: 'anchored', start: after.indexOf(': ', line) + 2, end: after.indexOf(': ', line) + 6 })
})

test('a long passage may change in the middle and at its ends', () => {
  const long = 'It began with the lamp. ' + Array.from({ length: 12 }, (_, n) => `In the ${n + 3}rd week the keeper wrote of ${n * 37} ships and no wind.`).join(' ') + ' It ended with the lamp.'
  const text = 'Before all this there was the sea. ' + long + ' After it there was the sea again.'
  const anchor = anchorOf(text, long)
  assert.equal(anchor.selector[0].type, 'RangeSelector')
  const edited = text.replace('It began with the lamp', 'It all began with a lamp').replace('111 ships', 'many ships')
  const [state, words] = now(edited, anchor)
  assert.equal(state, 'changed')
  assert.match(words, /^It all began .*ended with the lamp\.$/)
})

test('a moved anchor keeps the words of its first place, for a page that becomes what it was', () => {
  const first = anchorOf(TIDES, 'Nobody has counted the umbrellas'), second = anchorOf(TIDES, 'The old bridge stood for ninety years')
  const anchor = moved(second, first)
  assert.equal(quoted(anchor), 'The old bridge stood for ninety years')
  assert.ok(Buffer.byteLength(JSON.stringify(anchor)) <= 900)
  assert.deepEqual(now(TIDES, anchor), ['anchored', 'The old bridge stood for ninety years'])
  assert.deepEqual(now(TIDES.replace('The old bridge stood for ninety years. ', ''), anchor), ['anchored', 'Nobody has counted the umbrellas'])
  const third = moved(anchorOf(TIDES, 'pulled down in autumn'), anchor)
  assert.deepEqual(third.selector.at(-1), first.selector[0], 'the first place, not the one before')
})

test('a search is in pieces', () => {
  const text = 'The keeper of the lighthouse counts the ships and writes them down. '.repeat(2000) + TIDES
  const revised = new Revised(new Haystack(text))
  const work = revised.seek(anchorOf(TIDES.replace('oppened', 'inaugurated'), 'was inaugurated by the mayor'))
  let pieces = 0
  for (;;) {
    const { done, value } = work.next()
    if (done) break
    assert.equal(value, undefined)
    pieces++
  }
  assert.ok(pieces > 4)
  assert.equal(finish(revised.seek(anchorOf(TIDES, 'heavy rain')))?.state, 'anchored')
  assert.equal(match(new Haystack(text), anchorOf('Nothing of the kind was ever said here, by anybody.', 'of the kind was ever said')), undefined)
})

test('a short quote whose neighbours beside it are as they were, and stand there once, is found though all beyond them changed', () => {
  const sides = (/** @type {string} */ far, /** @type {string} */ beyond) => `${far} and the keeper of the light counts ships ${beyond} and so on, for ever and a day.`
  const before = sides('Nobody on the quay believes the timetable at seven', 'that pass without wind, twice for himself and once for the town')
  const after = sides('Gulls have taken the ticket office over by three', 'where mayors lost umbrellas in heavy rain and the new bridge began')
  assert.deepEqual(now(after, anchorOf(before, 'light')), ['anchored', 'light'])
  // Where those neighbours stand twice, either could be it.
  assert.deepEqual(now(after + ' And the keeper of the light counts ships, and the keeper of the light counts ships.', anchorOf(before, 'light')), ['lost', ''])
  // So little says enough where a character says as much as a word.
  assert.deepEqual(now('海鸥占领售票处，旧桥站了九十年。灯塔看守夜里数船无风时也数，市长丢伞那天大雨，新的开放了。', anchorOf('渡船七点离开码头上没有人相信。灯塔看守夜里数船无风时也数，港口主任把一切写下两遍。', '数船')), ['anchored', '数船'])
})

test('of two sides one is enough for a short quote where it should be, if it stands there once with as much of it', () => {
  const sides = (/** @type {string} */ before, /** @type {string} */ line, /** @type {string} */ behind) => `${before} ${line} ${behind}`
  const line = 'Nobody has seen the list of the harbour yet.', before = sides('Download it as XLSX, as CSV, or as plain text', line, 'Filter by the day, by the week, or by the name of a ship, as you like it best of all; or by none of them, so as to see all that there is.')
  const other = (/** @type {string} */ of, more = '') => sides('Delete what was chosen, or leave it all as it was', of, `Nothing else was sent to us in all that time. ${more}`)
  const found = (/** @type {string} */ text) => now(text, anchorOf(before, 'Nobody'))[0]
  assert.equal(found(other(line)), 'anchored')
  assert.equal(found(other(line, `So be it: ${line}`)), 'lost')
  assert.equal(found(`By evening there was nobody in sight. The ferry leaves at seven, and the gulls took the ticket office over by noon. Delete what was chosen, all of it. ${line}`), 'lost')
  assert.equal(found(other(line.replace(' has', ', it is said, has'))), 'lost')
  // And one of which a word was changed, just there.
  const changed = (/** @type {string} */ text) => now(text, anchorOf(before, 'text Nobody'))
  assert.deepEqual(changed(other(line)), ['changed', 'Nobody'])
  assert.deepEqual(changed('As was said before. ' + other(line).replace('left it all', 'left').slice(0, -24)), ['lost', ''])
})

test('what stands unchanged on both sides of a short quote is no reason to find it far away', () => {
  const line = 'Ask the old keeper of the light', weeks = Array.from({ length: 9 }, (_, n) => `In week ${n} nobody wrote of ${n * 37 % 101} ships.`).join(' ')
  const end = 'Gulls took the ticket office over, and an old bridge stood for ninety years in rain.'
  const before = `Nobody on the quay believes it. ${line} Buy your tickets there. ${weeks} ${end}`
  const after = (/** @type {number} */ from) => `Nobody on the quay knows. ${weeks.slice(0, from)}; ${line}! All was dark by then, and cold. ${weeks.slice(from)} ${end}`
  const found = (/** @type {string} */ text) => {
    const haystack = new Haystack(text)
    assert.equal(locate(haystack, anchorOf(before, 'ticket office')).state, 'anchored')
    return locate(haystack, anchorOf(before, 'keeper')).state
  }
  assert.deepEqual([found(after(240)), found(after(270))], ['anchored', 'lost'])
})

test('a passage into which much was put is what stands between its two ends', () => {
  const put = ' Two of them were painted red, and of the others nobody remembers which colour they had, or whether they had any at all before the storm.'
  const before = TIDES, after = TIDES.replace('in heavy rain. ', `in heavy rain.${put} `)
  const quote = 'in heavy rain. The old one was pulled down in autumn.'
  assert.deepEqual(now(after, anchorOf(before, quote)), ['changed', `in heavy rain.${put} The old one was pulled down in autumn.`])
})

test('the edge of a text shows where the title begins, and where the last words end', () => {
  const rest = ' - as it is read by those who wait on the quay in the morning, and by nobody else.'
  assert.deepEqual(now('新しい案内' + rest, anchorOf('案内のページ応用' + rest, '案内のページ応用')), ['lost', ''])
  assert.deepEqual(now('The new guide for seafarers' + rest, anchorOf('Guide for seafarers, part' + rest, 'Guide for seafarers, part')), ['changed', 'The new guide for seafarers'])
})

test('what stands word for word among strangers is not it, where the passage was only changed in its place', () => {
  const quote = 'The harbour master writes everything down in the year 2006'
  const before = `By noon the fog has gone and the gulls are back. ${quote}, twice, and nobody reads it.`
  const after = `By noon the fog has gone and the gulls are back. ${quote.replace('2006', '2008')}, twice, and nobody reads it. On other days the fog stays on and the gulls are back late. ${quote}, twice, as was said above.`
  assert.deepEqual(now(after, anchorOf(before, quote)), ['changed', quote.replace('2006', '2008')])
})

test('of a passage whose end was cut, with words behind it, what is left is found by what became of each word', () => {
  const before = 'Make sure it is included before the entry, so that requests to the page do not get handled by the latter. Install the module of documents, which is found at its own address on the network. Optional: using the bookmarks requires that the site is on.'
  const after = before.replace('module of documents, which is found at its own address on the network', 'package')
  const anchor = anchorOf(before, 'do not get handled by the latter. Install the module of documents, which is found at its own address')
  assert.deepEqual(now(after, anchor), ['changed', 'do not get handled by the latter. Install the'])
  // Where as much is left in a second place, nobody knows which it is.
  assert.deepEqual(now(`${after} ${after}`, anchor), ['lost', ''])
})

test('a short quote whose own line was cut is not the same word of another line', () => {
  const line = (/** @type {string} */ name, /** @type {string} */ state) => `The gate of ${name} is ${state} to all who come by boat.`
  const others = [line('Amber', 'shut'), line('Birch', 'open'), line('Cedar', 'shut')].join(' ')
  const before = `The keeper wrote twice. ${line('Aspen', 'open')} The mayor lost his umbrella that day. ${others}`
  const after = `The keeper wrote twice. The mayor lost his umbrella that day. ${others}`
  const start = before.indexOf('open')
  const place = locate(new Haystack(after), describe(before, { start, end: start + 4 }))
  assert.equal(place.state, 'lost')
})

test('a short quote is lost where its own words say one place, and those around it another', () => {
  const before = 'Change the chosen ship Add another ship Delete the chosen ship Log in again Change of password Your password was changed.'
  const after = 'Change the chosen ship Add another ship Remove the chosen ship View the chosen ship Log in again Thank you for the time you spent here.'
  const start = before.indexOf('ship Log in')
  assert.equal(locate(new Haystack(after), describe(before, { start, end: start + 4 })).state, 'lost')
})

test('looking between two ends stops after as much as was compared, however many there are', () => {
  const before = 'once upon a time' + ' The keeper counts the ships and writes them down.'.repeat(16) + ' and they lived on'
  const quote = before.slice('once upon a time'.length + 1, -' and they lived on'.length)
  // Twenty of each end, close to one another: some four hundred stretches, of hundreds of characters each.
  const after = Array.from({ length: 20 }, (_, n) => `once upon a time ${'lorem ipsum dolor '.repeat(1 + n % 2)} and they lived on`).join(' ')
  const anchor = { selector: [{ type: 'TextQuoteSelector', exact: quote, prefix: 'once upon a time ', suffix: ' and they lived on' }], length: before.length }
  const plain = after.replaceAll(' ', ''), places = (/** @type {string} */ part) => [...plain.matchAll(new RegExp(part, 'g'))].map(each => each.index)
  const starts = places('onceuponatime').map(at => at + 13), ends = places('andtheylived')
  const compared = starts.flatMap(start => ends.map(end => end - start)).filter(size => size > 0).reduce((sum, size) => sum + size, 0)
  assert.ok(compared > 60_000, String(compared))
  const work = new Revised(new Haystack(after)).seek(/** @type {any} */ (anchor))
  let pieces = 0
  while (!work.next().done) pieces++
  assert.ok(pieces > compared / 4096, `${pieces} pieces for ${compared}`)
})

test('where a text begins and ends, a word is known by standing there still', () => {
  const before = 'This form was sent already. Do you really want to send it once more? Show Hide'
  assert.deepEqual(now('Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mo Tu We Th Fr Sa Su Show Hide', anchorOf(before, 'Hide')), ['anchored', 'Hide'])
  const title = anchorOf('Tides of the bay by the hour, for those who sail before the others are up.', 'Tides')
  const rest = ' are told here for each of the seven harbours, in a table of their own.'
  assert.deepEqual(now('Tides and winds' + rest, title), ['anchored', 'Tides'])
  assert.deepEqual(now('Tidesmen' + rest, title), ['lost', ''])
})

test('of places that are as good as each other a short quote is where it should be', () => {
  const note = 'Mind: prefer the form that has room for notes, if you can and may. '
  const block = `On a page of the newer kind: ${note}On a page of kind 6, which is older: ${note}On a page of kind 6 without a margin: ${note}`
  const before = `Ferries. ${block}Gulls took the office over by noon. ${block}The fog was gone. ${block}An end.`, after = before.replaceAll('kind 6', 'kind 8')
  for (let at = before.indexOf('form'); at >= 0; at = before.indexOf('form', at + 1)) {
    assert.deepEqual(locate(new Haystack(after), describe(before, { start: at, end: at + 4 })), { state: 'anchored', start: at, end: at + 4 })
  }
})

test('the one place that has all the words of one side is it, though another has some of both', () => {
  const before = 'The list was saved. You may look it through again below. The ship “Tern” was added. You may look it through again below. Gulls were counted.'
  const after = 'Select it. The list was saved. You may now look it through below. The ship “Tern” was added. You may look through one more of them below. '
    + 'The list was saved. You may look it through again below. The ship “Tern” was changed by others. Gulls were counted.'
  const { start } = /** @type {{start: number}} */ (match(new Haystack(after), anchorOf(before, '“Tern” was')))
  assert.equal(start, after.lastIndexOf('“Tern” was'))
})

test('what moved is found, and what was changed; what looks like both is something else that is like it', () => {
  const sentence = 'The harbour master writes everything down in the year 2006, twice, and nobody reads it.'
  const rest = (/** @type {number} */ from) => Array.from({ length: 12 }, (_, n) => `In week ${from + n} the keeper wrote of ${(from + n) * 37 % 101} ships and no wind.`).join(' ')
  const beside = (/** @type {string} */ words) => `By noon the fog has gone. ${words} The mayor lost his umbrella.`
  const keeper = rest(1), before = `A preface. ${beside(sentence)} ${keeper} ${rest(20)}`, changed = sentence.replace('2006', '2008')
  const found = (/** @type {string} */ text, others = true) => {
    const haystack = new Haystack(text)
    if (others) locate(haystack, anchorOf(before, keeper.slice(200, 300)))
    return locate(haystack, anchorOf(before, sentence)).state
  }
  assert.equal(found(`A preface. ${keeper} ${rest(20)} ${beside(sentence)}`), 'anchored')
  assert.equal(found(`A preface. ${beside(changed)} ${keeper} ${rest(20)}`), 'changed')
  assert.equal(found(`A preface. ${keeper} ${rest(20)} ${beside(changed)}`), 'lost')
  // Where nothing else was found, nobody knows where it should be.
  assert.equal(found(`A preface. ${keeper} ${rest(20)} ${beside(changed)}`, false), 'changed')
})

test('the shorter a passage, and the stranger what is around it, the nearer to its place it must be', () => {
  const long = 'The harbour master writes everything down in the year 2006, twice, and nobody reads it.', short = 'a dull gray quay'
  const weeks = (/** @type {number} */ count) => Array.from({ length: count }, (_, n) => `In week ${n} the keeper wrote of ${n * 37 % 101} ships.`).join(' ')
  const beside = (/** @type {string} */ words) => `By noon the fog had left us here with ${words} and the mayor lost his umbrella.`
  const tail = 'Gulls took the ticket office over, and an old bridge stood for ninety years before the new one was opened in heavy rain that day.'
  /** Of a passage that stands behind so many weeks. @param {string} words  @param {string} now  @param {number} count */
  const state = (words, now, count, behind = beside(now)) => {
    const before = `A preface. ${beside(words)} ${weeks(count)} ${tail}`, haystack = new Haystack(`A preface. ${weeks(count)} ${behind} ${tail}`)
    const known = locate(haystack, anchorOf(before, weeks(count).slice(65, -65)))
    assert.equal(known.state, 'anchored')
    return locate(haystack, anchorOf(before, words)).state
  }
  const changed = [long.replace('2006', '2008'), short.replace('gray', 'grey')]
  assert.deepEqual([state(long, changed[0], 5), state(short, changed[1], 5)], ['changed', 'lost'])
  assert.deepEqual([state(short, changed[1], 4), state(short, short, 5)], ['changed', 'anchored'])
  const strange = (/** @type {number} */ count) => state(long, changed[0], count, `By noon umbrellas left us here with ${changed[0]} and nobody knows why it was so.`)
  assert.deepEqual([state(long, changed[0], 12), strange(9), strange(12)], ['changed', 'changed', 'lost'])
})

test('a sentence that went elsewhere as it was is there, though words of it are left in its old place', () => {
  const quote = 'The ferry is needed by those who want to go to the island'
  const before = `The train is needed by those who want to go to the town. ${quote}. Used by sailors: the light, the fog horn and the quay.`
  const after = `The train is needed by those who want to go to the town. The bus is needed by some who go by night. Used by sailors: the light, the fog horn and the quay. Boats may be hired in summer. ${quote}. All of them are paid for by the mayor.`
  assert.deepEqual(now(after, anchorOf(before, quote)), ['anchored', quote])
  // Two of them are none that is known by its own words.
  assert.notEqual(now(after + ` ${quote}. Nobody doubts it.`, anchorOf(before, quote))[0], 'anchored')
})

test('a version in a line that is written again and again is the one that its neighbours lead to, and changed', () => {
  const entry = (/** @type {string} */ version, /** @type {string} */ title) => `${title}. Prefer the marked form of it wherever that is possible for you at all. For version ${version} without marks: prefer the marked form of it wherever that is possible for you. `
  const titles = ['The harbour master', 'A keeper of the light', 'What gulls are fed with', 'Umbrellas']
  const text = (/** @type {string} */ version) => titles.map(each => entry(version, each)).join('')
  const before = text('3.6'), after = text('3.8'), haystack = new Haystack(after)
  const second = before.indexOf('3.6', before.indexOf('3.6') + 1)
  // What was found on both sides of it says where it is.
  for (const title of titles) locate(haystack, anchorOf(before, title))
  assert.deepEqual(locate(haystack, describe(before, { start: second, end: second + 3 })), { state: 'changed', start: second, end: second + 3 })
})

test('what was written anew is where it was, if both of its sides stand there as they did', () => {
  const before = 'También podrías definirla como una función normal, en vez de hacerlo en el puerto viejo, si no sabes la diferencia entre los dos.'
  const after = before.replace('función normal, en vez de', 'función estándar en lugar de')
  assert.deepEqual(now(after, anchorOf(before, 'función normal, en vez de')), ['changed', 'función estándar en lugar de'])
})
