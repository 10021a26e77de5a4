/** Card, list and offer of a widget at work, and what each of them asks of it: made once they have come. */

/** @import { Life } from './life.js' */
import { ofPage } from '../anchors/describe.js'
import { barring, withheld } from './barring.js'
import { Card } from './card.js'
import { atLast } from './latecomers.js'
import { marking } from './marking.js'
import { Panel } from './panel.js'
import { printing } from './printing.js'
import { Prompt } from './prompt.js'
import { barred } from './refusals.js'
import { talkSheet } from './talkstyles.js'
import { translated } from './translation.js'
import { unsentAt } from './unsent.js'
import { narrow, watch } from './view.js'

/** Code points of a comment, before the server has said what it takes. */
const MOST_SAID = 2000

/** @param {Life} life  @param {typeof import('./room.js')} room  @param {import('./formatted.js').Markdown} markdown  @param {() => boolean} quiet the reader wants no highlights  @param {AbortSignal} signal */
export function furnish(life, { Layer, corners, followGround, keep, seat }, markdown, quiet, signal) {
  const { element, face, page, places, words } = life, shadow = /** @type {ShadowRoot} */ (element.shadowRoot)
  const look = talkSheet(), { adoptedStyleSheets: looks } = shadow
  if (!looks.includes(look)) shadow.adoptedStyleSheets = [...looks, look]
  const root = () => places.text.root, covered = () => life.bar.covered(), inOtherWords = () => translated(root()), join = () => life.join()
  const kept = unsentAt(life.client.prefix), open = (/** @type {string} */ id) => life.open(id), hush = (/** @type {boolean=} */ on) => life.hush(on)
  life.printing = printing(element, { words, page, markdown, position: id => places.get(id)?.start ?? -1 }, signal)
  life.layer = new Layer(element, face, root, signal)
  watch(face, signal)
  life.layer.follow()
  followGround(root, () => life.theme(), signal)
  life.marking = marking(face, { quiet, hush, page, places, open }, signal)
  const card = life.card = new Card(face, {
    words,
    page,
    markdown,
    kept,
    seat,
    get root() { return root() },
    range: id => places.get(id)?.range,
    state: id => places.get(id)?.state,
    translated: inOtherWords,
    steps: id => steps(life, id),
    find: anchor => {
      const passage = places.find(anchor)
      return passage && places.text.range(passage.start, passage.end)
    },
    prepared: () => places.fetch().catch(() => {}),
    drafting: range => life.highlights.set('draft', 'draft', range),
    closed: () => life.paintActive(undefined),
    home: life.bar.list,
    created: id => {
      card.chatId = undefined
      life.open(id, true)
      life.tell('thread-created', { chatId: id })
    },
    rewrite: draft => {
      const place = places.get(draft.chatId)
      if (place && ofPage(place.anchor)) life.compose(place.anchor, undefined, draft)
      else if (place?.range) life.discuss(place, draft)
    },
    most: () => life.client.limits?.bodyChars ?? MOST_SAID,
    covered,
    barred: state => withheld(words, state, element),
    join,
  }, signal)
  life.panel = new Panel(face, {
    words,
    open,
    page,
    markdown,
    kept,
    resume: selector => life.resume(selector),
    discuss: () => life.discussPage(),
    quiet,
    hush,
    point: (id, on) => life.hover(on ? id : ''),
    translated: inOtherWords,
    place: id => {
      const place = places.get(id)
      return place && { state: place.state, start: place.start }
    },
    closed: back => {
      life.bar.expanded(false)
      life.hover('')
      if (back) life.bar.list.focus({ preventScroll: true })
    },
    beside: covered,
  })
  life.prompt = new Prompt(face, {
    words,
    selected: () => life.selected(),
    barred: () => barring(words, page.state, element, root()),
    moving: () => card.moving,
    quiet: () => quiet() && !card.moving,
    join,
    above: range => life.layer?.follow(range.startContainer),
    range: trees => life.range(trees),
    root,
    discuss: passage => life.discuss(passage),
    covered,
    say: said => life.announcer.say(said),
  }, signal)
  // Somebody was quicker.
  life.prompt.offer()
  life.bar.why = state => barred(words, state)
  // The bar may stand in an element of the page.
  keep([shadow, life.bar.element], signal)
  corners(life.bar.element, element, narrow, signal)
  const { wanted } = words
  if (wanted) {
    /** Firefox would load it anew each time. @type {import('./words.js').Words | undefined} */
    let come
    atLast(async () => {
      come ??= await wanted()
      const free = ![life.card, life.panel, life.prompt].some(each => each?.shown)
      // What is open stays so.
      if (free && !signal.aborted) element.speak(come)
      return !free
    }, signal)
  }
}

/** Through the discussions of the same place: those whose passages overlap, the shortest first. @param {Life} life  @param {string} chatId */
function steps(life, chatId) {
  const { page, places } = life, place = places.get(chatId)
  if (!place?.range) return undefined
  const here = page.state.chats.map(({ id }) => /** @type {const} */ ([id, places.get(id)]))
    .filter(([, other]) => other?.range && other.start < place.end && place.start < other.end)
    .sort(([, a], [, b]) => (a && b ? a.end - a.start - (b.end - b.start) : 0)).map(([id]) => id)
  const at = here.indexOf(chatId)
  return here.length < 2 ? undefined : { at: at + 1, here, step: (/** @type {1 | -1} */ way) => life.open(here[(at + way + here.length) % here.length]) }
}
