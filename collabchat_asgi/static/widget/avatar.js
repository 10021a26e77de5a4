/** Who somebody is, at a glance: a picture where there is one, over the letters of the name. */

/** @import { User } from '../typed/types.js' */
/** @import { Words } from './words.js' */
import { code, h, nameOf, number } from './dom.js'

/** What could not be loaded, or is forbidden by the page's policy, is not asked for at each drawing. @type {Set<string>} */
const failed = new Set()

/**
 * Pictures come over https, or from the page's own origin: nothing else that an identity may hold is ever loaded.
 * @param {string | undefined} given  @param {string} base of the page  @returns {string} empty where there is none
 */
export function pictured(given, base) {
  if (!given) return ''
  try {
    const { href, protocol, origin, username, password } = new URL(given, base)
    const own = origin === new URL(base).origin && protocol === 'http:'
    return (protocol === 'https:' || own) && !username && !password ? href : ''
  } catch {
    return ''
  }
}

/** @param {Words} words  @param {User} user */
export function avatar(words, user) {
  const name = nameOf(words, user), parts = name.split(/\s+/)
  const initials = name.endsWith(code(user.id)) && user.id.startsWith('anon:') ? code(user.id) : [parts[0], parts.length > 1 ? parts.at(-1) ?? '' : ''].map(word => [...word.replace(/^\P{L}+(?=\p{L})/u, '')][0] ?? '').join('').toLocaleUpperCase()
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true' }, initials)
  element.style.setProperty('--hue', String(Math.floor(number(user.id) / 2 ** 32 * 360)))
  const src = pictured(user.avatar, document.baseURI)
  if (src && !failed.has(src)) {
    // Without words of its own: the name stands beside it. Nobody's server is told which page is read.
    const picture = h('img', { alt: '', referrerpolicy: 'no-referrer', decoding: 'async', draggable: 'false', hidden: true, onload: () => { picture.hidden = false }, onerror: () => {
      failed.add(src)
      picture.remove()
    } })
    picture.src = src
    element.append(picture)
  }
  return element
}
