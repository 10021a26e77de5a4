/** The table of anchors keeps its promises, on texts of our own that a seed revises (tests/anchors/table.js shows it). */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { invented } from '../anchors/invented.js'
import { measured, shares } from '../anchors/measure.js'
import { text } from '../anchors/pairs.js'
import { aligned, fate, tokens } from '../anchors/truth.js'

const results = measured(invented(11, 3), { quotes: 30, seed: 11 })

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
  const before = tokens(old), after = tokens(text), at = old.indexOf(quote)
  const first = before.findIndex(each => each.start >= at), last = before.findLastIndex(each => each.end <= at + quote.length)
  return fate(old, text, before, after, aligned(before, after), first, last, quote)
}

test('a short quote that moved with its neighbours is not said to be gone, as a diff says', () => {
  const entry = 'Ships that pass the light without wind are counted twice by the keeper.', rest = ['A ferry leaves at seven.', 'Nobody believes the timetable.', 'The fog has gone by noon.', 'Gulls took the office over.']
  const old = [entry, ...rest].join(' '), text = [...rest, entry].join(' ')
  const { kind, start, end } = fateOf(old, text, 'without')
  assert.deepEqual([kind, text.slice(start, end)], ['moved', 'without'])
  assert.equal(start, text.indexOf('without'))
  // With its neighbours twice, nobody can say where it went; without them it is gone.
  assert.notEqual(fateOf(old, text + ' ' + entry, 'without').kind, 'moved')
  assert.equal(fateOf(old, [...rest, 'Something else is written here.'].join(' '), 'without').kind, 'gone')
})

test('of Markdown is measured what its readers read', () => {
  const source = '# Title\n\nSee [the *guide*](https://docs.example/a "Guide"){.internal target=_blank} and <a href="https://x.example" class="external">the list</a>.<!-- no -->\n\n![Logo](logo.png)\n```Python hl_lines="7"\n{!../src/one.py!}\na = b < c\n```\n{% for each in all %}{{ each }}{% endfor %}\nEnd.'
  assert.equal(text('a.md', source), 'Title See the guide and the list. a = b < c End.')
  assert.match(text('a.rst', 'See [the guide](https://docs.example) here.'), /docs\.example/)
})
