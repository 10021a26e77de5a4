/** Every text that the widget says, read from its modules: what stands in `words.say(…)` and `words.count(…)`. */
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { LANGUAGES, MODULES, STATIC } from './minify.js'

/** @typedef {{text: string, one?: string}} Said `one` where it counts */

/** @param {string} name  @param {URL} at  @returns {{said: Said[], unclear: string[]}} `unclear` is what no reader of the source can know */
function inModule(name, at) {
  const source = ts.createSourceFile(name, readFileSync(at, 'utf8'), ts.ScriptTarget.Latest, true)
  /** @type {Said[]} */
  const said = []
  /** @type {string[]} */
  const unclear = []
  /** @param {ts.Expression | undefined} given  @returns {string[]} */
  const texts = given => !given ? [] : ts.isStringLiteral(given) ? [given.text] : ts.isConditionalExpression(given) ? [...texts(given.whenTrue), ...texts(given.whenFalse)]
    : (unclear.push(`${name}: ${given.getText()}`), [])
  /** @param {ts.Node} node */
  const visit = node => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && /(^|\.)words$/.test(node.expression.expression.getText())) {
      const [first, second, third] = node.arguments
      if (node.expression.name.text === 'say') said.push(...texts(first).map(text => ({ text })))
      if (node.expression.name.text === 'count') texts(third).forEach(text => said.push({ text, one: texts(second)[0] }))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { said, unclear }
}

/** By their names in the catalogues. @param {Said[]} texts  @returns {Map<string, Said>} */
const named = texts => new Map(texts.map(each => [each.text, each]))
const modules = [...MODULES].filter(([name]) => !LANGUAGES.includes(name)).map(([name, at]) => ({ ofUsage: at.href.includes('/usage/'), ...inModule(name, at) }))
export const unclear = modules.flatMap(module => module.unclear)
export const said = named(modules.filter(each => !each.ofUsage).flatMap(module => module.said))
/** What stands in the usage page itself. */
const document = [...readFileSync(new URL('usage/usage.html', STATIC), 'utf8').matchAll(/<[^<>]* data-say[ >](?:[^<>]*>)?([^<>]+)</g)].map(found => ({ text: found[1] }))
export const ofUsage = named([...modules.filter(each => each.ofUsage).flatMap(module => module.said), ...document])
