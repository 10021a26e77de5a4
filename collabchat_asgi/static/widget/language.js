/** Which language the widget speaks: of its own `lang`, else of what it stands in, else English. English is there; any other is loaded. */

/** @import { Texts } from './words.js' */
import { part } from './parts.js'
import { Words } from './words.js'

/** @type {Record<string, () => Promise<{default: Texts}>>} */
const CATALOGUES = {
  ar: () => import('./lang/ar.js'),
  de: () => import('./lang/de.js'),
  es: () => import('./lang/es.js'),
  fr: () => import('./lang/fr.js'),
  he: () => import('./lang/he.js'),
  ja: () => import('./lang/ja.js'),
  pt: () => import('./lang/pt.js'),
  ru: () => import('./lang/ru.js'),
  sr: () => import('./lang/sr.js'),
  'sr-latn': () => import('./lang/sr-latn.js'),
  zh: () => import('./lang/zh.js'),
}

/** As it is written on the element or around it, through shadow roots. @param {Element} element */
export function languageOf(element) {
  for (let each = /** @type {Element | undefined} */ (element); each;) {
    const lang = each.closest('[lang]')?.getAttribute('lang')
    if (typeof lang === 'string') return lang
    const root = each.getRootNode()
    each = root instanceof ShadowRoot ? root.host : undefined
  }
  return ''
}

/** @param {string} tag also as many a system writes it: `pt_BR`  @returns {Intl.Locale} of a tag that is none: English */
function localeOf(tag) {
  try { return new Intl.Locale(tag.replaceAll('_', '-')) } catch { return new Intl.Locale('en') }
}

/** The catalogue of a language; none for English, and for what there is none of. @param {string} tag  @returns {string | undefined} */
export function catalogueOf(tag) {
  const locale = localeOf(tag), { language } = locale
  const name = language === 'sr' && locale.maximize().script === 'Latn' ? 'sr-latn' : language
  return Object.hasOwn(CATALOGUES, name) ? name : undefined
}

/**
 * At once where nothing has to be loaded. What cannot be loaded is said in English until it can (latecomers.js).
 * @param {string} tag  @param {Texts} [own] the host's, before all others: they also make a language that has no catalogue
 * @returns {Words | Promise<Words>}
 */
export function wordsOf(tag, own) {
  const locale = localeOf(tag), name = catalogueOf(tag)
  if (!name) return new Words(own || locale.language === 'en' ? String(locale) : 'en', own)
  const load = () => part(`./lang/${name}.js`, CATALOGUES[name]).then(({ default: texts }) => new Words(String(locale), { ...texts, ...own }))
  return load().catch(error => {
    console.warn(`collabchat: the words for lang="${tag}" failed to load, so it speaks English:`, error)
    const english = new Words('en', own)
    english.wanted = load
    return english
  })
}

/** @param {() => void} changed  @param {AbortSignal} signal */
export function followLanguage(changed, signal) {
  const watching = new MutationObserver(changed)
  watching.observe(document, { attributeFilter: ['lang'], subtree: true })
  signal.addEventListener('abort', () => watching.disconnect())
}
