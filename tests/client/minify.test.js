/** What pages load behaves as what is written. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LANGUAGES, MODULES, OURS, STATIC } from './minify.js'

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

test('names that are made shorter are nobody else\'s', () => {
  const libraries = here('node_modules/typescript/lib/')
  const browsers = readdirSync(libraries).filter(name => /^lib\.(dom|es).*\.d\.ts$/.test(name)).map(name => readFileSync(libraries + name, 'utf8')).join('\n')
  const types = readFileSync(new URL('typed/types.d.ts', STATIC), 'utf8').replaceAll(/(overtaken|certain)\?/g, '')
  const page = readFileSync(new URL('client/page.js', STATIC), 'utf8') + readFileSync(new URL('widget/widget.js', STATIC), 'utf8')
  for (const name of OURS) {
    assert.doesNotMatch(browsers, new RegExp(`^\\s+(?:readonly |get |set |var |function )?${name}\\??\\s*[:(<]`, 'm'), name)
    assert.doesNotMatch(types, new RegExp(`\\b${name}\\??\\s*[:(]`), name)
    assert.doesNotMatch(page, new RegExp(`^  (?:async |get |set |static )?${name}\\b`, 'm'), `${name} is public`)
    for (const [module, at] of MODULES) {
      if (at.href.includes('/usage/') || LANGUAGES.includes(module)) continue
      assert.doesNotMatch(readFileSync(at, 'utf8'), new RegExp(`['"]${name}['"]`), `${name} is a text in ${module}`)
    }
  }
})

const SUITES = ['page', 'signout', ...process.env.TESTS_LONG ? ['connection', 'handles', 'hidden', 'hostile', 'identity', 'pace', 'queue'] : []]

for (const suite of SUITES) {
  test(`${suite}.test.js on what pages load`, () => {
    const { NODE_TEST_CONTEXT, ...outer } = process.env
    const env = { ...outer, COLLABCHAT_CLIENT: new URL('min/client.js', STATIC).href }
    const { status, stdout } = spawnSync(process.execPath, [here(`${suite}.test.js`)], { env, encoding: 'utf8', timeout: 120_000 })
    assert.equal(status, 0, stdout.slice(-3000))
  })
}
