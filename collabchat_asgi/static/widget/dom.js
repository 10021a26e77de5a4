/** Elements without HTML strings, so that no text of anyone can ever become markup, under Trusted Types or not. */

/** @import { Words } from './words.js' */
import { DROPPED } from '../anchors/dropped.js'

/** @typedef {Node | string | false | null | undefined} Child */

/**
 * `on…` listens, `class` and whatever has a dash or is a known attribute is an attribute, `true` sets an empty one.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  // Whatever form of the page is around it, a button of ours submits nothing.
  if (tag === 'button') element.setAttribute('type', 'button')
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value))
  }
  fill(element, ...children)
  return element
}

/** @param {Element} element  @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter(child => child || child === '').map(child => /** @type {Node | string} */ (child)))
}

/** Outlines on a grid of 20, drawn with the text's colour: what the bar has. icons.js adds the others. @type {Record<string, string>} */
export const SHAPES = {
  people: 'M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5 7a5 4.5 0 0 1 10 0M13 4a3 3 0 0 1 0 5m2 3a5 5 0 0 1 2.5 4.5',
  chat: 'M3 4h14v10H9l-4 3v-3H3Z',
}

/** @param {string} name */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  for (const [key, value] of Object.entries({ viewBox: '0 0 20 20', class: 'icon', 'data-icon': name, 'aria-hidden': 'true' })) svg.setAttribute(key, value)
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', SHAPES[name])
  svg.append(path)
  return svg
}

/** A button that is only an icon. @param {string} name  @param {string} label  @param {() => void} act  @param {Record<string, any>} [more] */
export const iconButton = (name, label, act, more = {}) =>
  h('button', { class: 'icon-button', 'aria-label': label, title: label, onclick: act, ...more }, icon(name))

/**
 * Draws what is inside `element` anew. A focus in there stays on what has the same `data-key`, or goes to `otherwise`.
 * @param {HTMLElement} element  @param {() => void} draw  @param {() => HTMLElement | null | undefined} otherwise
 */
export function redraw(element, draw, otherwise) {
  const root = /** @type {ShadowRoot} */ (element.getRootNode())
  const held = root.activeElement
  const inside = held instanceof HTMLElement && element.contains(held)
  draw()
  if (!inside || root.activeElement === held) return
  const again = held.dataset.key && element.querySelector(`[data-key="${CSS.escape(held.dataset.key)}"]`)
  const next = again instanceof HTMLElement ? again : otherwise()
  next?.focus({ preventScroll: true })
}

/** A button with words. @param {string} label  @param {() => void} act  @param {Record<string, any>} [more] */
export const textButton = (label, act, more) => h('button', { class: 'text-button', onclick: act, ...more }, label)

/** The focused element, seen through shadow roots. @returns {HTMLElement | null} */
export function focused() {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return /** @type {HTMLElement | null} */ (element)
}

const HIDING = new RegExp(`[\\ufeff${DROPPED}]`, 'gu')

/** A name that cannot turn around what stands beside it, or hide in nothing. @param {Words} words  @param {{id: string, name: string}} user who is known by no id yet is the reader */
export function nameOf(words, { id, name }) {
  const shown = name.replace(HIDING, '').trim().slice(0, 80)
  // Visitors without a name are told apart all the same.
  if (id.startsWith('anon:') && (!shown || shown === 'Anonymous')) return words.say('Guest {code}', { code: code(id) })
  return shown || words.say(id ? 'Someone' : 'You')
}

/** The same for the same id everywhere. @param {string} id */
export function number(id) {
  let hash = 0
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0
  // Ids that follow one another lie far apart: by the golden ratio.
  return Math.imul(hash, 0x9e3779b1) >>> 0
}

/** @param {string} id */
export const code = id => (number(id) >>> 24).toString(16).padStart(2, '0').toUpperCase()
