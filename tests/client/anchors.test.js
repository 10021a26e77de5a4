/** The table of anchors keeps its promises, on texts of our own that a seed revises (tests/anchors/table.js shows it). */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { common } from '../anchors/common.js'
import { invented } from '../anchors/invented.js'
import { judge, measured, shares } from '../anchors/measure.js'
import { ofFolders, text } from '../anchors/pairs.js'
import { hypothesis } from '../anchors/rival.js'
import { aligned, fate, tokens } from '../anchors/truth.js'
import { seeded } from './world.js'

const pairs = invented(11, 3), sample = { quotes: 30, seed: 11 }
const results = measured(pairs, sample)

/** @param {string} what  @param {number} share  @param {'least' | 'most'} bound  @param {number} limit */
function holds(what, share, bound, limit) {
  assert.ok(bound === 'least' ? share >= limit : share <= limit, `${what}: ${share.toFixed(1)} %, at ${bound} ${limit} %`)
}

test('what was not touched is found, and what was edited too', () => {
  const intact = shares(results, 'intact'), edited = shares(results, 'edited'), moved = shares(results, 'moved')
  assert.ok(intact.all > 200 && edited.all > 50 && moved.all > 10, `${intact.all}, ${edited.all}, ${moved.all}`)
  holds('intact, found', intact.found, 'least', 99)
  holds('intact, in a wrong place', intact.wrong, 'most', 0.5)
  holds('edited, found', edited.found + edited.near, 'least', 92)
  holds('edited, in a wrong place', edited.wrong, 'most', 2)
  holds('moved, found', moved.found, 'least', 97)
})

test('what is gone is not hung on a lookalike', () => {
  const gone = shares(results.filter(each => each.size !== '1–11'), 'gone')
  assert.ok(gone.all > 60, String(gone.all))
  holds('gone, misplaced', gone.wrong, 'most', 8)
})

test('of the same quotes the rival hangs many times as many on lookalikes, and finds hardly more', () => {
  const rival = measured(pairs, { ...sample, finder: hypothesis }), wrong = (/** @type {typeof results} */ of) => of.filter(each => each.kind !== 'rewritten' && each.outcome === 'wrong').length
  assert.deepEqual(rival.map(each => each.was), results.map(each => each.was))
  assert.ok(wrong(rival) >= 3 * wrong(results), `${wrong(rival)} and ${wrong(results)}`)
  for (const kind of /** @type {const} */ (['intact', 'edited', 'moved'])) holds(kind + ', found', shares(results, kind).found, 'least', shares(rival, kind).found - 3)
})

test('no language and no length is much worse than all', () => {
  const all = shares(results, 'intact').found
  for (const key of /** @type {const} */ (['language', 'size'])) {
    const of = (/** @type {typeof results[number]} */ each) => key === 'size' ? each.size : each.pair.language
    for (const one of new Set(results.map(of))) {
      const { found, all: count } = shares(results.filter(each => of(each) === one), 'intact')
      if (count >= 20) holds(`intact, ${one}`, found, 'least', all - 4)
    }
  }
})

/** @param {string} old  @param {string} text  @param {string} quote */
function fateOf(old, text, quote) {
  const before = tokens(old), after = tokens(text), start = old.indexOf(quote)
  return fate(old, text, before, after, aligned(before, after), { start, end: start + quote.length })
}

test('a short quote that moved with its neighbours is not said to be gone, as a diff says', () => {
  const entry = 'Ships that pass the light without wind are counted twice by the keeper.', rest = ['A ferry leaves at seven.', 'Nobody believes the timetable.', 'The fog has gone by noon.', 'Gulls took the office over.']
  const old = [entry, ...rest].join(' '), text = [...rest, entry].join(' ')
  const { kind, start, end } = fateOf(old, text, 'without')
  assert.deepEqual([kind, text.slice(start, end)], ['moved', 'without'])
  assert.equal(start, text.indexOf('without'))
  // Where it was, a diff finds the same word in something else.
  assert.deepEqual(fateOf(old, ['A word without them.', text].join(' '), 'without').start, 21 + start)
  // With its neighbours twice, nobody can say where it went; without them it is gone.
  assert.notEqual(fateOf(old, text + ' ' + entry, 'without').kind, 'moved')
  assert.equal(fateOf(old, [...rest, 'Something else is written here.'].join(' '), 'without').kind, 'gone')
})

test('an end within a word, as graphemes have it, is compared within that word', () => {
  // A sign that joins belongs to the letter before it, so that no selection begins with it.
  const old = 'او به خانه می\u200cرود و کتاب می\u200cخواند.', text = 'امروز ' + old, quote = 'ی\u200cرود و کتاب'
  const { kind, start, end } = fateOf(old, text, quote)
  assert.deepEqual([kind, text.slice(start, end)], ['intact', quote])
})

test('a short quote that went with much of what stood on one side, and some on the other, is not said to be gone', () => {
  const entry = 'Ships that pass the light without wind are counted twice by the keeper.', rest = ['A ferry leaves at seven.', 'Nobody believes the timetable.', 'The fog has gone by noon.', 'Gulls took the office over.']
  const old = ['By evening,', entry, ...rest].join(' '), moved = entry.replace('twice by the keeper', 'once by him')
  assert.equal(fateOf(old, [...rest, moved].join(' '), 'are').kind, 'unclear')
  assert.equal(fateOf(old, [...rest, entry.replace('without wind', 'by day').replace('counted twice', 'told of')].join(' '), 'are').kind, 'gone')
})

test('what stood twice, and stands once, is not said to have moved there', () => {
  const link = 'Why not <a href="/ships/add">add one of them</a>?', old = `Nobody has a ship. ${link} Gulls were counted by noon. Nobody has seen one. ${link} An end.`
  const text = `Gulls were counted by noon. Nobody has seen one. ${link} An end.`, before = tokens(old), after = tokens(text)
  assert.equal(fate(old, text, before, after, aligned(before, after), { start: old.indexOf(link), end: old.indexOf(link) + link.length }).kind, 'unclear')
  const rest = 'A ferry leaves at seven. Nobody believes the timetable. The fog has gone by noon. Gulls took the office over. In heavy rain that day a mayor lost his umbrella, and it was not found again by any of those who looked. '
  assert.equal(fateOf(`${link} ${rest}`, `${rest}${link}`, link).kind, 'moved')
})

test('of what repeats itself nobody can say which one is left, but what keeps fewer words of the text is a lookalike', () => {
  const changed = 'It was changed. ', saved = 'You may edit it below. ', added = 'It was added. '
  const old = `Begin. ${changed}${saved}${added}${saved}${added}End.`, text = `Begin. ${changed}${saved}${added}End.`
  const before = tokens(old), after = tokens(text), judged = judge(before, after), became = aligned(before, after)
  const place = (/** @type {string} */ of, /** @type {number} */ from) => ({ start: of.indexOf('edit', from), end: of.indexOf('edit', from) + 4 })
  const left = place(text, 0), fates = [place(old, 0), place(old, old.lastIndexOf(saved))].map(was => judged(was, fate(old, text, before, after, became, was), left))
  assert.ok(!fates.includes('wrong'), fates.join(' '))
  // Nothing stands around this one as it did.
  const other = `Begin. ${changed}${added}End. Write to us, and edit the list.`, now = tokens(other), was = place(old, 0)
  assert.equal(judge(before, now)(was, fate(old, other, before, now, aligned(before, now), was), place(other, 0)), 'wrong')
})

test('what two texts have in common is what the plain table says', () => {
  const random = seeded(3), list = (/** @type {number} */ length) => Array.from({ length }, (_, n) => ({ word: random.pick(['a', 'b', 'c']), start: n, end: n + 1 }))
  for (let times = 0; times < 100; times++) {
    const before = list(random.below(70)), after = list(random.below(70))
    let row = new Array(after.length + 1).fill(0)
    for (const { word } of before) {
      const next = [0]
      for (const [j, each] of after.entries()) next.push(each.word === word ? row[j] + 1 : Math.max(row[j + 1], next[j]))
      row = next
    }
    assert.equal(common(before, after), row.at(-1))
  }
})

test('what was put before a long text does not make its end be gone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'collabchat-anchors-'))
  try {
    const old = 'The ferry leaves at seven, and nobody believes the timetable. '.repeat(900)
    for (const [name, words] of [['old', old], ['now', 'Gulls took the office over. '.repeat(900) + old]]) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'a.txt'), words)
    }
    const [pair] = ofFolders(join(folder, 'old'), join(folder, 'now'))
    assert.ok(pair.after.endsWith(pair.before))
    writeFileSync(join(folder, 'old', 'a.txt'), `${'x'.repeat(59_990)} of timetables and ships`)
    assert.match(ofFolders(join(folder, 'old'), join(folder, 'now'))[0].before, /x of$/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('of Markdown is measured what its readers read', () => {
  const source = '# Title\n\nSee [the *guide*](https://docs.example/a "Guide"){.internal target=_blank} and <a href="https://x.example" class="external">the list</a>.<!-- no -->\n\n![Logo](logo.png)\n```Python hl_lines="7"\n{!../src/one.py!}\na = b < c\n```\n{% for each in all %}{{ each }}{% endfor %}\nEnd.'
  assert.equal(text('a.md', source), 'Title See the guide and the list. a = b < c End.')
  assert.match(text('a.rst', 'See [the guide](https://docs.example) here.'), /docs\.example/)
})
