/** What people type, and what hostile people type. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parse, words } from '../../collabchat_asgi/static/widget/markdown.js'

/** @import { Piece } from '../../collabchat_asgi/static/widget/markdown.js' */

/** As one would write it in HTML. @param {Piece[]} pieces  @returns {string} */
const shown = pieces => pieces.map(piece => {
  if (typeof piece === 'string') return piece
  const { tag, children, href, start } = piece
  return `<${tag}${href ? ' ' + href : ''}${start && start !== 1 ? ' ' + start : ''}>${shown(children)}</${tag}>`
}).join('')

/** @type {Record<string, [string, string][]>} */
const CASES = {
  'what has no marks stands as it was written': [
    ['A line.\n\n  Another,  with blanks.\n', 'A line.\n\n  Another,  with blanks.\n'],
    ['', ''], ['\n', '\n'], ['2*3*4 = 24, a * b * c', '2*3*4 = 24, a * b * c'], ['snake_case_name and __init__', 'snake_case_name and __init__'],
    ['** not strong **', '** not strong **'], ['*', '*'], ['`', '`'], ['-dash', '-dash'], ['1.5 is a number', '1.5 is a number'], ['2024. That year', '2024. That year'],
    ['<b onclick=alert(1)>x</b>', '<b onclick=alert(1)>x</b>'], ['```\nnever closed', '```\nnever closed'],
  ],
  'emphasis and code': [
    ['an *important* and a **strong** word', 'an <em>important</em> and a <strong>strong</strong> word'],
    ['_so_, (*so*) and **very *much* so**', '<em>so</em>, (<em>so</em>) and <strong>very <em>much</em> so</strong>'],
    ['use `a*b*c` and `<i>`', 'use <code>a*b*c</code> and <code><i></code>'],
    ['*two\nlines*', '*two\nlines*'],
  ],
  links: [
    ['see https://example.com/a_b_c.', 'see <a https://example.com/a_b_c>https://example.com/a_b_c</a>.'],
    ['(https://example.com/x)', '(<a https://example.com/x>https://example.com/x</a>)'],
    ['https://example.com/a_(b)', '<a https://example.com/a_(b)>https://example.com/a_(b)</a>'],
    ['(as https://example.com/a_(b)) and (https://example.com/c).', '(as <a https://example.com/a_(b)>https://example.com/a_(b)</a>) and (<a https://example.com/c>https://example.com/c</a>).'],
    ['[tide](https://example.com/Tide_(sea)), [x](https://example.com/a_(b)_(c))', '<a https://example.com/Tide_(sea)>tide</a>, <a https://example.com/a_(b)_(c)>x</a>'],
    ['[the page](https://example.com/) and mailto:ada@example.com', '<a https://example.com/>the page</a> and <a mailto:ada@example.com>mailto:ada@example.com</a>'],
    ['[x](javascript:alert(1)) [y](data:text/html,z) [z](/relative)', '[x](javascript:alert(1)) [y](data:text/html,z) [z](/relative)'],
    ['javascript:alert(1)//https://', 'javascript:alert(1)//https://'],
  ],
  blocks: [
    ['so:\n```js\na = "*b*"\n\n  c\n```\nthen', 'so:<pre>a = "*b*"\n\n  c</pre>then'],
    ['> a *quote*\n> of two\n>> and in it\nanswer', '<blockquote>a <em>quote</em>\nof two<blockquote>and in it</blockquote></blockquote>answer'],
    ['- one\n- **two**\n  goes on\nend', '<ul><li>one</li><li><strong>two</strong>\ngoes on</li></ul>end'],
    ['3. three\n4. four', '<ol 3><li>three</li><li>four</li></ol>'],
    ['- a\n1. b', '<ul><li>a</li></ul><ol><li>b</li></ol>'],
  ],
}
for (const [name, cases] of Object.entries(CASES)) {
  test(name, () => { for (const [text, wanted] of cases) assert.equal(shown(parse(text)), wanted, JSON.stringify(text)) })
}

/** The same for the same seed. @param {number} seed */
function random(seed) {
  let state = seed
  return (/** @type {number} */ below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0
    return ((state ^ (state >>> 13)) >>> 0) % below
  }
}

const BITS = ['*', '**', '_', '`', '```', '```js\n', '\n', '\n\n', '> ', '>', '- ', '1. ', '  ', ' ', 'a', 'word', '字', 'ש', '😄', '[', ']', '](', '(', ')', 'https://', 'https://x.example/', 'mailto:a@b', 'javascript:', '<b>', '&amp;', '\\', '\u202e', '"']

test('whatever is written: few tags, safe links, every letter in its order, the same again', () => {
  const next = random(20261128)
  let marked = 0
  for (let n = 0; n < 4000; n++) {
    const text = Array.from({ length: next(24) }, () => BITS[next(BITS.length)]).join('')
    const pieces = parse(text)
    assert.deepEqual(parse(text), pieces)
    /** @param {Piece[]} all  @param {number} depth */
    const walk = (all, depth) => {
      assert.ok(depth < 12)
      for (const piece of all) {
        if (typeof piece === 'string') { assert.notEqual(piece, '', JSON.stringify(text)); continue }
        marked++
        assert.match(piece.tag, /^(em|strong|code|pre|blockquote|ul|ol|li|a)$/)
        assert.equal(piece.tag === 'a', piece.href !== undefined)
        if (piece.href) assert.match(piece.href, /^(https?:\/\/|mailto:)/)
        if (piece.tag === 'pre' || piece.tag === 'code') assert.ok(piece.children.every(child => typeof child === 'string'))
        else walk(piece.children, depth + 1)
      }
    }
    walk(pieces.filter(piece => typeof piece !== 'string' || piece), 0)
    // Nothing is made up, and nothing that is a letter is lost, but the address behind a label.
    let at = 0
    for (const letter of words(pieces).replace(/\s/g, '')) {
      at = text.indexOf(letter, at)
      assert.ok(at >= 0, JSON.stringify(text))
      at += letter.length
    }
    if (!/[*_`>[\-]|\d\.|:/.test(text)) assert.equal(pieces.join(''), text)
  }
  assert.ok(marked > 1000, `${marked} marks in all`)
})

test('no text takes long', () => {
  const budget = 400_000
  for (const bit of ['*', '**a ', '_a ', '`', '[', '[a](https://', '> ', '- \n', '```\n', '*a **b _c ', 'https://x', '>'.repeat(9) + '\n']) {
    const text = bit.repeat(Math.ceil(20_000 / bit.length))
    assert.ok(JSON.stringify(parse(text)).length < budget, bit)
  }
})

test('fences that are never closed, and brackets behind an address, take no longer each than the first', () => {
  const before = performance.now()
  for (const [head, bit] of [['', '```js\n'], ['', '```js\n```\n'], ['https://a', ')'], ['https://a', ')x']]) parse(head + bit.repeat(200_000 / bit.length))
  assert.ok(performance.now() - before < 3000)
})
