/** What the list shows of a page's discussions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Matching, folded, kinds, people } from './subject.js'

/** @import { Chat, User } from '../../collabchat_asgi/static/typed/types.js' */

const ADA = { id: 'ada', name: 'Ada' }, ZOE = { id: 'zoe', name: 'Zoë Đurić' }, GUEST = { id: 'anon:1', name: '' }

/** @param {string} id  @param {string} quote  @param {...[User, string]} said  @returns {Chat} */
const chat = (id, quote, ...said) => ({
  id, anchor: { selector: quote ? [{ type: 'TextQuoteSelector', exact: quote }] : [], length: 9 }, createdBy: said[0][0], createdAt: 1, updatedAt: 1, commentCount: said.length,
  comments: said.map(([author, body], n) => ({ id: `${id}${n}`, body, author, createdAt: n })),
})

const FOG = chat('fog', 'By noon the fog has gone', [ADA, 'Really?'], [ZOE, 'Since **eleven**, says the café'])
const BOOK = chat('book', 'writes everything down twice', [ZOE, 'Once is enough'])
const WHOLE = chat('whole', '', [GUEST, 'Nice page'])
const ALL = [FOG, BOOK, WHOLE]
const matching = new Matching(({ id, name }) => id.startsWith('anon:') ? 'Guest 3F' : name, 'The page as a whole')
const ids = (/** @type {string} */ words, by = '') => [...matching.found(ALL, words, by).keys()].map(each => each.id)

test('case, accents, forms of letters, quotes and blanks do not count', () => {
  for (const [one, other] of [
    ['CAFÉ', 'cafe'], ['Straße', 'STRASSE'], ['ΟΔΟΣ', 'οδός'], ['İstanbul', 'istanbul'], ['Đurić', 'djuric'.replace('dj', 'd')], ['Øre', 'ore'], ['ﬁne', 'fine'], ['ｆｕｌｌ', 'full'],
    ['الْكِتَاب', 'الكتاب'], ['أحمد', 'احمد'], ['ســلام', 'سلام'], ['שָׁלוֹם', 'שלום'], ['ёлка', 'елка'], ['don’t', "don't"], ['a – b', 'a - b'], ['soft\u00adhyphen', 'softhyphen'], ['two \n lines', 'two lines'], ['가방', '가방'.normalize('NFD')],
  ]) assert.equal(folded(one), folded(other), `${one} ${other}`)
  for (const [one, other] of [['か', 'が'], ['Ada', 'Ida'], ['कि', 'क']]) assert.notEqual(folded(one), folded(other), `${one} ${other}`)
})

test('every word is somewhere: in the quote, in a name, in what was said', () => {
  assert.deepEqual(ids('FOG'), ['fog'])
  assert.deepEqual(ids('zoe'), ['fog', 'book'])
  assert.deepEqual(ids('duric enough'), ['book'])
  assert.deepEqual(ids('cafe noon ada'), ['fog'])
  assert.deepEqual(ids('fog enough'), [])
  assert.deepEqual(ids('3f'), ['whole'], 'a guest by the name that is shown')
  assert.deepEqual(ids('page as a whole'), ['whole'])
  assert.deepEqual(ids('.*'), [])
  assert.deepEqual(ids('  '), ['fog', 'book', 'whole'])
})

test('who wrote narrows it further', () => {
  assert.deepEqual(ids('', 'zoe'), ['fog', 'book'])
  assert.deepEqual(ids('noon', 'zoe'), ['fog'])
  assert.deepEqual(ids('', 'nobody'), [])
  const renamed = { ...BOOK, comments: [{ ...BOOK.comments[0], author: { id: 'zoe', name: 'Zoë' } }] }
  assert.deepEqual([...people([FOG, renamed])].map(([id, { name }]) => [id, name]), [['ada', 'Ada'], ['zoe', 'Zoë']])
})

test('of each the latest comment that has one of the words is told', () => {
  const shown = (/** @type {string} */ words) => matching.found(ALL, words).get(FOG)?.id
  assert.equal(shown('really'), 'fog0')
  assert.equal(shown('eleven really'), 'fog1')
  assert.equal(shown('noon'), undefined)
  assert.equal(shown(''), undefined)
})

test('what was said anew is looked through anew', () => {
  const more = { ...FOG, comments: [...FOG.comments, { id: 'fog2', body: 'a lighthouse', author: ADA, createdAt: 3 }] }
  assert.deepEqual(ids('lighthouse'), [])
  assert.deepEqual([...matching.found([more, BOOK], 'lighthouse').keys()], [more])
})

test('a discussion is listed as whatever it is', () => {
  const settled = { ...BOOK, resolved: { by: ADA, at: 2 } }
  const { open, resolved, new: fresh, own, lost } = kinds([FOG, settled, WHOLE], { me: 'zoe', unread: new Map([['fog', ['fog1']]]), state: id => id === 'book' ? 'lost' : 'anchored' })
  assert.deepEqual({ open, resolved, fresh, own, lost }, { open: [FOG, WHOLE], resolved: [settled], fresh: [FOG], own: [FOG, settled], lost: [settled] })
  assert.deepEqual(kinds(ALL, { me: undefined, unread: new Map(), state: () => undefined }).own, [])
})
