/** What pages are called. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { linkTo, linkedChat, pageId } from '../../collabchat_asgi/static/widget/pageid.js'

const OWN = 'https://site.example/collabchat/'
const APART = 'https://comments.example/'

/** @type {[string, string, string | undefined, string][]} address, server, canonical link, name */
const NAMES = [
  ['https://site.example/drafts/1', OWN, undefined, '/drafts/1'],
  ['https://site.example/drafts/1?preview=1#top', OWN, undefined, '/drafts/1'],
  ['https://site.example', OWN, undefined, '/'],
  ['https://site.example/a/', OWN, undefined, '/a/'],
  ['https://site.example/a', OWN, undefined, '/a'],
  ['https://site.example//drafts//1', OWN, undefined, '//drafts//1'],
  ['https://site.example/x/../drafts/1', OWN, undefined, '/drafts/1'],
  ['https://site.example/%64rafts/1', OWN, undefined, '/%64rafts/1'],
  ['https://site.example/черновики/1', OWN, undefined, '/%D1%87%D0%B5%D1%80%D0%BD%D0%BE%D0%B2%D0%B8%D0%BA%D0%B8/1'],
  ['https://site.example/a%2Fb%20c', OWN, undefined, '/a%2Fb%20c'],
  ['https://site.example/print/1', OWN, '/articles/1?utm=x#y', '/articles/1'],
  ['https://site.example/print/1', OWN, 'https://site.example/articles/1', '/articles/1'],
  ['https://site.example/print/1', OWN, 'https://other.example/articles/1?x', 'https://other.example/articles/1'],
  ['https://site.example/print/1', OWN, 'http://site.example/articles/1', 'http://site.example/articles/1'],
  ['https://site.example/print/1', OWN, '', '/print/1'],
  ['https://site.example/print/1', OWN, 'mailto:a@b.example', '/print/1'],
  ['https://site.example/print/1', OWN, 'http://[', '/print/1'],
  ['https://site.example/a?b#c', APART, undefined, 'https://site.example/a'],
  ['https://site.example/a', APART, '/b', 'https://site.example/b'],
  ['https://site.example/a', APART, 'https://comments.example/b', 'https://comments.example/b'],
  ['https://site.example:8443/a', OWN, undefined, 'https://site.example:8443/a'],
  ['http://site.example/a', OWN, undefined, 'http://site.example/a'],
  ['file:///home/ann/a.html?b', OWN, undefined, 'file:///home/ann/a.html'],
]

describe('a page without a name', () => {
  for (const [address, server, canonical, name] of NAMES) {
    test(`${address}, ${server}, ${canonical}`, () => assert.equal(pageId(address, server, canonical), name))
  }

  test('longer than a name may be: the beginning, and a number that tells it from others', () => {
    const long = 'https://site.example/drafts/' + 'x'.repeat(600)
    const name = pageId(long, OWN)
    assert.equal(name.length, 512)
    assert.match(name, /^\/drafts\/x+~[0-9a-f]{16}$/)
    assert.equal(pageId(long + '?q#h', OWN), name)
    const others = [long + 'y', long.slice(0, -1) + 'y', long + '/', long.slice(0, -1)].map(address => pageId(address, OWN))
    assert.equal(new Set([name, ...others]).size, 5)
    assert.equal(pageId('https://site.example/' + 'x'.repeat(511), OWN).length, 512)
    assert.doesNotMatch(pageId('https://site.example/' + 'x'.repeat(511), OWN), /~/)
  })

  test('the number is the same for ever', () => {
    assert.match(pageId('https://site.example/' + 'a'.repeat(600), OWN), /~ed7ef682a4d3623e$/)
  })
})

test('a link leads to a discussion, and leaves routes in the fragment alone', () => {
  for (const [address, link] of [
    ['https://site.example/a?b=1', 'https://site.example/a?b=1#collabchat=c-1'],
    ['https://site.example/a#part', 'https://site.example/a#collabchat=c-1'],
    ['https://site.example/#/shop', 'https://site.example/#/shop&collabchat=c-1'],
    ['https://site.example/#/shop&collabchat=c-0', 'https://site.example/#/shop&collabchat=c-1'],
  ]) {
    assert.equal(linkTo(address, 'c-1'), link)
    assert.equal(linkedChat(link), 'c-1')
    assert.equal(linkedChat(address.replace('&collabchat=c-0', '')), undefined)
  }
})
