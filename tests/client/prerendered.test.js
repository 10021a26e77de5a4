/** Frameworks that draw pages on a server import what a page imports there too: nothing happens, and nothing fails. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MODULES, STATIC } from './minify.js'

/** @type {Record<string, string | {default?: string}>} */
const exported = JSON.parse(readFileSync(new URL('package.json', STATIC), 'utf8')).exports
const files = new Set(Object.values(exported).flatMap(each => typeof each !== 'string' && each.default ? each.default.slice(2) : []))

test('every module of the package can be imported where there is no document', async () => {
  assert.deepEqual([...files].sort(), ['anchor.js', 'client.js', 'text.js', 'widget.js'])
  for (const name of ['window', 'document', 'HTMLElement', 'customElements']) assert.ok(!(name in globalThis), name)
  const before = Object.getOwnPropertyNames(globalThis)
  for (const name of files) {
    for (const file of [MODULES.get(name), new URL(`min/${name}`, STATIC)]) {
      if (!file || !existsSync(file)) continue
      const module = await import(file.href)
      assert.ok(Object.values(module).some(each => typeof each === 'function'), file.href)
    }
  }
  assert.deepEqual(Object.getOwnPropertyNames(globalThis), before)
  assert.deepEqual(process.getActiveResourcesInfo().filter(each => each === 'Timeout'), [])
})
