/** Texts that were revised: from the history of a git checkout, or of two folders that hold the same files. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

import { normalised } from '../../collabchat_asgi/static/anchors/text.js'

/** @typedef {{name: string, language: string, before: string, after: string}} Pair */

/** Of what is quoted, up to the end of a word; what became of it may be farther behind, where as much was put before it. */
const LEAST = 600, MOST = 60_000, MOST_AFTER = 4 * MOST
const ENDS = /\.(md|mdx|rst|txt|html?|adoc|po)$/

/** What no reader sees of Markdown: comments, tags, templates and attributes, where links and pictures lead, fences and marks. */
const MARKS = /<!--[\s\S]*?-->|<\/?[a-z][^<>]*>|\{[!%*{][\s\S]*?[!%*}]\}|\{[.#:][^{}]*\}|!\[[^\]]*\]\([^)]*\)|(?<=\])\([^)\s]*(?: "[^"]*")?\)|^[ \t]*(?:```|~~~).*|^[ \t]*#+ |[`*[\]]+/gim

/** What a reader reads of a file, roughly. @param {string} name  @param {string} source */
export function text(name, source) {
  if (/\.html?$/.test(name)) source = source.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ').replace(/&(\w+|#\d+);/g, ' ')
  if (/\.mdx?$/.test(name)) source = source.replace(MARKS, '')
  if (/\.po$/.test(name)) {
    const found = source.matchAll(/^msgstr(?:\[\d\])? ((?:"(?:[^"\\]|\\.)*"\s*)+)/gm)
    source = [...found].slice(1).map(([, words]) => words.replace(/^"|"\s*$|"\s*\n"/gm, '').replace(/\\n/g, '\n').replace(/\\(.)/g, '$1')).join('\n')
  }
  return normalised(source)
}

const SCRIPTS = /** @type {const} */ ([['ja', /[\u3040-\u30ff]/g], ['ko', /[\uac00-\ud7a3]/g], ['zh', /[\u4e00-\u9fff]/g], ['ru', /[\u0400-\u04ff]/g], ['ar', /[\u0600-\u06ff]/g], ['he', /[\u0590-\u05ff]/g], ['el', /[\u0370-\u03ff]/g], ['th', /[\u0e00-\u0e7f]/g]])

/** By a folder of the path, else by the letters. @param {string} name  @param {string} words */
function languageOf(name, words) {
  for (const [language, letters] of SCRIPTS) if ((words.match(letters)?.length ?? 0) > words.length / 12) return language
  return name.split(/[/.]/).find(part => /^(de|es|fr|it|pt|pt_BR|pt-br|nl|pl|sv|tr|cs|fi|da|uk|hu|vi|id|sr)$/.test(part))?.slice(0, 2) ?? 'en'
}

/** @param {string} name  @param {string} old  @param {string} now  @returns {Pair[]} none where there is nothing to learn */
function pair(name, old, now) {
  const whole = text(name, old), before = whole.length > MOST ? whole.slice(0, whole.lastIndexOf(' ', MOST)) : whole, after = text(name, now).slice(0, MOST_AFTER)
  return before.length < LEAST || after.length < LEAST / 2 || before === after ? [] : [{ name, language: languageOf(name, before), before, after }]
}

/** @param {string} folder  @returns {string[]} */
function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap(each => each.isDirectory() ? filesOf(join(folder, each.name)) : ENDS.test(each.name) ? [join(folder, each.name)] : [])
}

/** @param {string} before  @param {string} after  folders  @returns {Pair[]} */
export function ofFolders(before, after) {
  return filesOf(before).flatMap(file => {
    const name = relative(before, file), now = join(after, name)
    return existsSync(now) ? pair(name, readFileSync(file, 'utf8'), readFileSync(now, 'utf8')) : []
  })
}

/**
 * Each file as it was some changes ago, and as it is: steps of one change and of many.
 * @param {string} checkout  @param {number} most of them
 * @returns {Pair[]}
 */
export function ofGit(checkout, most) {
  const git = (/** @type {string[]} */ ...words) => execFileSync('git', ['-C', checkout, ...words], { encoding: 'utf8', maxBuffer: 2 ** 28 })
  const files = git('ls-files', '-z').split('\0').filter(name => ENDS.test(name))
  /** @type {Pair[]} */
  const found = []
  for (const name of files) {
    const commits = git('log', '--format=%H', '-n', '40', '--', name).split('\n').filter(Boolean)
    for (let step = 1; step < commits.length; step *= 3) {
      const shown = (/** @type {string} */ commit) => { try { return git('show', `${commit}:${name}`) } catch { return '' } }
      found.push(...pair(name, shown(commits[step]), shown(commits[0])))
      if (found.length >= most) return found
    }
  }
  return found
}
