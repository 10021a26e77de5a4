/** What a page is called where nobody gave it a name: hooks see it as `url_id`, and test it. Pure: addresses in, a name out. */

/** Characters. All of a parsed address are ASCII. */
const MOST = 512

/**
 * The path, on a page of the server's own origin; else the whole address. Never a query or a fragment. Escapes and slashes stay as
 * they are in the address.
 * @param {string} address of the document  @param {string} server where collabchat answers, absolute
 * @param {string} [canonical] what the document's canonical link says
 * @returns {string} 1 to 512 characters
 */
export function pageId(address, server, canonical) {
  const here = new URL(address), page = web(canonical, here) ?? here
  const own = here.origin !== 'null' && page.origin === here.origin && new URL(server).origin === here.origin
  return shortened(own ? page.pathname : page.href.replace(/[?#].*/s, ''))
}

/** @param {string | undefined} link  @param {URL} here  @returns {URL | undefined} nothing where it leads to no page of the web */
function web(link, here) {
  try {
    const url = new URL(link || 'none:', here)
    return /^https?:$/.test(url.protocol) ? url : undefined
  } catch {
    return undefined
  }
}

/** The beginning stays, for rules go by it; the rest becomes a number. @param {string} name */
function shortened(name) {
  if (name.length <= MOST) return name
  let one = 0xdeadbeef, other = 0x41c6ce57
  for (let at = 0; at < name.length; at++) {
    one = Math.imul(one ^ name.charCodeAt(at), 0x9e3779b1)
    other = Math.imul(other ^ name.charCodeAt(at), 0x5f356495)
    one ^= one >>> 15
    other ^= other >>> 13
  }
  const tail = '~' + [one, other].map(half => (half >>> 0).toString(16).padStart(8, '0')).join('')
  return name.slice(0, MOST - tail.length) + tail
}

const LINKED = /([#&])collabchat=([\w-]+)$/

/** The discussion that an address leads to. @param {string} address  @returns {string | undefined} */
export const linkedChat = address => LINKED.exec(address)?.[2]

/** The address of a discussion: a route in the fragment stays before it. @param {string} address  @param {string} chatId  @returns {string} */
export function linkTo(address, chatId) {
  const url = new URL(address), route = url.hash.replace(LINKED, '')
  url.hash = /^#[/!]/.test(route) ? `${route}&collabchat=${chatId}` : `collabchat=${chatId}`
  return url.href
}
