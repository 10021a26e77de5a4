/** Every language says everything, in as many forms as its numbers need. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'

import { catalogueOf, wordsOf } from '../../collabchat_asgi/static/widget/language.js'
import { usageWords } from '../../collabchat_asgi/static/usage/usagewords.js'
import { Words } from '../../collabchat_asgi/static/widget/words.js'
import { STATIC } from './minify.js'
import { ofUsage, said, unclear } from './texts.js'

/** @param {string} text */
const blanks = text => [...new Set(text.match(/\{\w+\}/g))].sort()
const names = readdirSync(new URL('widget/lang/', STATIC)).map(name => name.replace('.js', ''))

test('what the widget says stands where it is said', () => {
  assert.deepEqual(unclear, [])
  assert.ok(said.size > 90)
  assert.ok(ofUsage.size > 30)
})

const catalogues = [...names.map(name => ({ name, file: `widget/lang/${name}.js`, said })), ...names.filter(name => name !== 'sr-latn').map(name => ({ name, file: `usage/lang/usage-${name}.js`, said: ofUsage }))]

for (const { name, file, said } of catalogues) {
  test(`${file} has every text, and no other`, async () => {
    const { default: texts } = await import(new URL(file, STATIC).href)
    assert.deepEqual(Object.keys(texts).sort(), [...said.keys()].sort())
    const { pluralCategories } = new Intl.PluralRules(name).resolvedOptions()
    for (const [text, { one }] of said) {
      const given = texts[text]
      if (one === undefined) assert.equal(typeof given, 'string', text)
      else assert.deepEqual(Object.keys(given).sort(), [...pluralCategories].sort(), text)
      for (const form of typeof given === 'string' ? [given] : Object.values(given)) {
        assert.equal(form, form.trim(), text)
        assert.ok(form, text)
        // "One reply" and "two replies" may be words alone.
        const free = typeof given !== 'string'
        assert.ok(blanks(form).every(blank => blanks(text).includes(blank)), form)
        if (!free || given.other === form) assert.deepEqual(blanks(form), blanks(text), form)
      }
    }
  })
}

/** What a typewriter has in place of a language's own marks. @type {Record<string, RegExp>} */
const TYPED = { fr: / [?!:;»]|« /, he: /\p{Script=Hebrew}-/u }

for (const { name, file } of catalogues) {
  test(`${file} has the marks of its language`, async () => {
    const { default: texts } = await import(new URL(file, STATIC).href)
    for (const given of Object.values(texts)) {
      for (const form of typeof given === 'string' ? [given] : Object.values(given)) {
        assert.doesNotMatch(form, /['"]|\.\.\.| - /)
        if (TYPED[name]) assert.doesNotMatch(form, TYPED[name])
      }
    }
  })
}

test('the language of a page leads to its catalogue', () => {
  for (const name of names) assert.equal(catalogueOf(name), name)
  for (const [tag, name] of [['de-AT', 'de'], ['sr-RS', 'sr'], ['sr-Latn-RS', 'sr-latn'], ['sr-ME', 'sr-latn'], ['sh', 'sr-latn'], ['pt-BR', 'pt'], ['zh-Hant-TW', 'zh'], ['pt_BR', 'pt'], ['zh_TW', 'zh'], ['sr_Latn', 'sr-latn'], ['sr_Latn_RS', 'sr-latn'], ['en_GB', undefined], ['iw', 'he'], ['DE', 'de'], ['en', undefined], ['en-GB', undefined], ['', undefined], ['tlh', undefined], ['not a tag', undefined], ['constructor', undefined]]) {
    assert.equal(catalogueOf(String(tag)), name, tag)
  }
})

test('English and the words of a host are there at once', () => {
  const say = (/** @type {Words | Promise<Words>} */ words) => words instanceof Words && [words.locale, words.say('Close'), words.say('Keep')]
  assert.deepEqual(say(wordsOf('en-GB')), ['en-GB', 'Close', 'Keep'])
  assert.deepEqual(say(wordsOf('nl')), ['en', 'Close', 'Keep'], 'no Dutch dates in English sentences')
  assert.deepEqual(say(wordsOf('nl', { Close: 'Sluiten' })), ['nl', 'Sluiten', 'Keep'])
  assert.deepEqual(say(wordsOf('??')), ['en', 'Close', 'Keep'])
  assert.deepEqual(say(wordsOf('en_GB')), ['en-GB', 'Close', 'Keep'])
})

test('a language is loaded, and what a host says goes before it', async () => {
  const words = await wordsOf('de-AT', { Close: 'Zu' })
  assert.deepEqual([words.locale, words.direction, words.say('Close'), words.say('Keep')], ['de-AT', 'ltr', 'Zu', 'Behalten'])
  assert.equal(words.count(1, '{n} reply', '{n} replies'), '1 Antwort')
})

test('numbers are written as in each language, whether or not the browser is asked', () => {
  for (const locale of [...names.filter(name => name !== 'sr-latn'), 'en', 'en-IN', 'de-CH', 'pt-PT', 'ar-EG', 'fa', 'mr', 'en-u-nu-deva', 'zh-u-nu-hanidec', 'de-AT-u-co-phonebk-nu-arab', 'es']) {
    const words = new Words(locale), { format } = new Intl.NumberFormat(locale)
    for (const n of [0, 1, 7, 10, 999, 1000, 12_345, 1e6, -1, .5, 12.3456, NaN]) assert.equal(words.number(n), format(n), `${n} in ${locale}`)
  }
})

test('Serbian in Latin is what stands in Cyrillic', async () => {
  const latin = await wordsOf('sr-Latn')
  assert.equal(latin.say('You no longer have access to these discussions.'), 'Više nemate pristup ovim raspravama.')
  assert.deepEqual([1, 3, 5, 21].map(n => latin.count(n, '{n} reply', '{n} replies')), ['1 odgovor', '3 odgovora', '5 odgovora', '21 odgovor'])
  const { default: texts } = await import(new URL('widget/lang/sr-latn.js', STATIC).href)
  assert.doesNotMatch(JSON.stringify(texts), /[\u0400-\u04ff]|undefined/)
})

test('the usage page speaks the first language of its reader that it has', async () => {
  const said = async (/** @type {string[]} */ ...tags) => {
    const words = await usageWords(tags)
    return [words.locale, words.direction, words.say('Comments')]
  }
  assert.deepEqual(await said('nl', 'de-AT', 'en'), ['de-AT', 'ltr', 'Kommentare'])
  assert.deepEqual(await said('en-GB', 'de'), ['en-GB', 'ltr', 'Comments'])
  assert.deepEqual(await said('sr-Latn'), ['sr-Latn', 'ltr', 'Komentari'])
  assert.deepEqual(await said('he'), ['he', 'rtl', 'תגובות'])
  assert.deepEqual(await said('nl'), ['en', 'ltr', 'Comments'])
})

test('what is read from right to left says so', async () => {
  for (const tag of ['ar', 'ar-EG', 'he']) assert.equal((await wordsOf(tag)).direction, 'rtl', tag)
  assert.equal((await wordsOf('ja')).direction, 'ltr')
})
