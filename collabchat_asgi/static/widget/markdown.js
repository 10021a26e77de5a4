/**
 * The little Markdown that people type without knowing it: *emphasis*, **strong**, `code`, fenced code, quotes, lists and links. What is
 * none of it stands as it was written, every blank and line of it, and only links to the web and to mail are links. Pure: a tree of
 * tags and texts, of which formatted.js makes elements.
 */

/** @typedef {'em' | 'strong' | 'code' | 'pre' | 'blockquote' | 'ul' | 'ol' | 'li' | 'a'} Tag */
/** @typedef {string | {tag: Tag, children: Piece[], href?: string, start?: number}} Piece */

/** Quotes in quotes: deeper ones stand as they were written. */
const DEEPEST = 4
/** What is longer is no emphasis: so no text takes long. */
const LONGEST = 400

const INLINE = new RegExp([
  '`([^`\\n]+)`',
  `\\[([^\\[\\]\\n]{1,${LONGEST}})\\]\\(((?:https?://|mailto:)(?:[^\\s()<>"]|\\([^\\s()<>"]{0,200}\\)){1,2000})\\)`,
  '(\\b(?:https?://|mailto:)[^\\s<>"]+)',
  `\\*\\*(?![\\s*])([^\\n]{0,${LONGEST}}?[^\\s*])\\*\\*(?!\\*)`,
  `(?<![\\p{L}\\p{N}*])\\*(?![\\s*])([^*\\n]{0,${LONGEST}}?[^\\s*])\\*(?![\\p{L}\\p{N}*])`,
  `(?<![\\p{L}\\p{N}_])_(?![\\s_])([^_\\n]{0,${LONGEST}}?[^\\s_])_(?![\\p{L}\\p{N}_])`,
].join('|'), 'giu')

/** @param {string} address  @returns {string | undefined} as a browser understands it; none where it leads elsewhere */
function safe(address) {
  try {
    const { protocol, href } = new URL(address)
    return ['http:', 'https:', 'mailto:'].includes(protocol) ? href : undefined
  } catch {
    return undefined
  }
}

/** A sentence around it has its own end, and closes what it has opened. @param {string} found */
function address(found) {
  let end = found.replace(/[.,;:!?'’”»*_]{1,20}$/, '')
  for (let over = end.split(/[)\]}]/).length - end.split(/[([{]/).length; over > 0 && ')]}'.includes(end.at(-1) ?? ' '); over--) end = end.slice(0, -1)
  return end
}

/** @param {string} text  @returns {Piece[]} */
function inline(text) {
  /** @type {Piece[]} */
  const pieces = []
  let done = 0
  for (const { 0: all, 1: code, 2: label, 3: target, 4: found, 5: strong, 6: star, 7: line, index } of text.matchAll(INLINE)) {
    const bare = found && address(found), href = safe(target ?? bare ?? '')
    const piece = code ? { tag: /** @type {const} */ ('code'), children: [code] }
      : label || bare ? href && { tag: /** @type {const} */ ('a'), children: [label || bare], href }
      : strong ? { tag: /** @type {const} */ ('strong'), children: inline(strong) }
      : { tag: /** @type {const} */ ('em'), children: inline(star ?? line) }
    if (!piece) continue
    pieces.push(text.slice(done, index), piece)
    done = index + (bare ? bare.length : all.length)
  }
  pieces.push(text.slice(done))
  return pieces.filter(piece => piece !== '')
}

const FENCE = /^ {0,3}```[\w+#.-]*[ \t]*$/
const QUOTE = /^ {0,3}> ?/
const ITEM = /^ {0,3}(?:[-*+]|(\d{1,3})[.)])[ \t]+(?=\S)/

/** @param {string} text  @param {number} [depth]  @returns {Piece[]} */
export function parse(text, depth = 0) {
  const lines = text.split('\n')
  /** @type {Piece[]} */
  const pieces = []
  /** @type {string[]} */
  let plain = []
  /** Where a fence is not closed, no later one is. */
  let closes = true
  /** Around a block the line's end is the block's own. @param {Piece} [block] */
  const flush = block => {
    if (plain.length) pieces.push(...inline(plain.join('\n')))
    plain = []
    if (block) pieces.push(block)
  }
  for (let at = 0; at < lines.length;) {
    const line = lines[at]
    let end = at + 1
    if (closes && FENCE.test(line)) {
      while (end < lines.length && !/^ {0,3}```[ \t]*$/.test(lines[end])) end++
      closes = end < lines.length
      if (closes) {
        flush({ tag: 'pre', children: [lines.slice(at + 1, end).join('\n')] })
        at = end + 1
        continue
      }
      end = at + 1
    } else if (depth < DEEPEST && QUOTE.test(line)) {
      while (end < lines.length && QUOTE.test(lines[end])) end++
      flush({ tag: 'blockquote', children: parse(lines.slice(at, end).map(each => each.replace(QUOTE, '')).join('\n'), depth + 1) })
      at = end
      continue
    } else if (ITEM.test(line)) {
      const [, first] = ITEM.exec(line) ?? []
      const items = [line.replace(ITEM, '')]
      // An item goes on where a line is set in; another kind of mark is another list.
      for (; end < lines.length; end++) {
        const mark = ITEM.exec(lines[end])
        if (mark && !mark[1] === !first) items.push(lines[end].replace(ITEM, ''))
        else if (!mark && /^ {2,}\S/.test(lines[end])) items[items.length - 1] += '\n' + lines[end].trimStart()
        else break
      }
      const children = items.map(item => ({ tag: /** @type {const} */ ('li'), children: inline(item) }))
      flush(first ? { tag: 'ol', start: Number(first), children } : { tag: 'ul', children })
      at = end
      continue
    }
    plain.push(line)
    at = end
  }
  flush()
  return pieces
}

/** What it says without its marks. @param {Piece[]} pieces  @returns {string} */
export const words = pieces => pieces.map(piece => typeof piece === 'string' ? piece : ['pre', 'blockquote', 'li'].includes(piece.tag) ? ` ${words(piece.children)} ` : words(piece.children)).join('')
