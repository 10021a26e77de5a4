/** What the usage page says: in the first of its reader's languages that it has, else in English. A catalogue is loaded when needed. */

/** @import { Texts } from '../widget/words.js' */
import { catalogueOf } from '../widget/language.js'
import { inLatin } from '../widget/latin.js'
import { Words } from '../widget/words.js'

/** Those of the widget. @param {string} name  @returns {Promise<Texts>} */
async function catalogue(name) {
  if (name === 'sr-latn') return inLatin(await catalogue('sr'))
  return (await import(`./lang/usage-${name}.js`)).default
}

/** @param {readonly string[]} tags of languages, the best first  @returns {Promise<Words>} */
export async function usageWords(tags) {
  const tag = tags.find(each => catalogueOf(each) || /^en\b/i.test(each)) ?? 'en', name = catalogueOf(tag)
  try {
    return new Words(tag, name ? await catalogue(name) : {})
  } catch (error) {
    console.warn(`collabchat: the words of the usage page in "${tag}" failed to load, so it speaks English:`, error)
    return new Words()
  }
}

/** Texts that stand in the document in English. @param {Words} language */
export function translate(language) {
  Object.assign(document.documentElement, { lang: language.locale, dir: language.direction })
  for (const element of document.querySelectorAll('[data-say]')) element.textContent = language.say(element.textContent ?? '')
}
