/** How everything looks. Colours and sizes can be set from outside by the custom properties `--collabchat-…` on the element. */

const LIGHT = `
--bg: var(--collabchat-bg, #fff); --fg: var(--collabchat-fg, #1d2129); --soft: #5b6472; --line: #e1e5ea; --fill: #f4f6f8; --press: #e9edf1;
--accent: var(--collabchat-accent, #3451d1); --on-accent: #fff; --mark: var(--collabchat-mark, #e0a100); --bad: #b3261e; --bad-fill: #fdf0ef; --good: #1a7f4b; --warn: #b86e00;
--shadow: 0 0 0 1px #141c2d14, 0 10px 32px #141c2d26;
--disc: 45% 88%; --letters: 55% 27%; color-scheme: light;`

const DARK = `
--bg: var(--collabchat-bg, #20242b); --fg: var(--collabchat-fg, #e8eaee); --soft: #a2abb8; --line: #363c46; --fill: #2a2f38; --press: #353b46;
--accent: var(--collabchat-accent, #93a8ff); --on-accent: #12151c; --mark: var(--collabchat-mark, #e3b341); --bad: #ff9c94; --bad-fill: #3a2626; --good: #5fce95; --warn: #f0b45b;
--shadow: 0 0 0 1px #ffffff14, 0 10px 32px #00000080;
--disc: 28% 32%; --letters: 60% 88%; color-scheme: dark;`

/**
 * From the page's own colours, where the browser can reckon with colours: whatever a page sets, text on it stays readable. What has a
 * hue takes its lightness from the ground; text is never of the accent, which is the page's to choose.
 */
const DERIVED = `
--lift: clamp(.5, (.6 - l) * 1000, .8);
--fg: var(--collabchat-fg, oklch(from var(--bg) clamp(.25, (.6 - l) * 1000, .94) .012 265));
--accent: var(--collabchat-accent, oklch(from var(--bg) clamp(.49, (.6 - l) * 1000, .76) .17 270));
--on-accent: lab(from var(--accent) clamp(0, (49.5 - l) * 1000, 100) 0 0);
--bad: var(--collabchat-bad, oklch(from var(--bg) var(--lift) .15 26)); --good: var(--collabchat-good, oklch(from var(--bg) var(--lift) .12 155)); --warn: var(--collabchat-warn, oklch(from var(--bg) var(--lift) .12 65));
--bad-fill: color-mix(in srgb, var(--bad) 8%, var(--bg));
--soft: color-mix(in srgb, var(--fg) 78%, var(--bg)); --line: color-mix(in srgb, var(--fg) 14%, var(--bg));
--fill: color-mix(in srgb, var(--fg) 5%, var(--bg)); --press: color-mix(in srgb, var(--fg) 9%, var(--bg));`

const WIDGET = `
:host { all: initial; color-scheme: inherit !important; outline-color: Canvas !important; position: fixed !important; inset: 0 auto auto 0; z-index: var(--collabchat-z, 2147483000) }
:host([hidden]) { display: none }
* , ::before, ::after { box-sizing: border-box }
.face { all: initial; display: block; ${LIGHT} --size: var(--collabchat-font-size, 14px); --small: calc(var(--size) - 1px); --tiny: calc(var(--size) - 2px); font: var(--size)/1.5 var(--collabchat-font, system-ui, sans-serif); color: var(--fg); text-align: start }
.face.dark { ${DARK} }
@supports (color: oklch(from red l c h)) { .face.face { ${DERIVED} } }
[hidden] { display: none !important }
button, textarea { font: inherit; color: inherit; margin: 0 }
button { border: 0; background: none; padding: 0; cursor: pointer; border-radius: var(--collabchat-radius, 8px); touch-action: manipulation }
button:disabled { cursor: default; opacity: .45 }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
.icon { width: 18px; height: 18px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; display: block }
.icon-button { width: 28px; height: 28px; display: inline-grid; place-items: center; color: var(--soft); flex: none }
.icon-button:hover, .icon-button[aria-expanded=true] { background: var(--fill); color: var(--fg) }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.text-button { padding: 3px 10px; min-height: 28px; color: var(--soft); font-weight: 500; font-size: var(--small); display: inline-flex; gap: 5px; align-items: center; white-space: nowrap }
.text-button:hover { background: var(--fill); color: var(--fg) }
.text-button:is(.main, .join) { background: var(--accent); color: var(--on-accent) }
.text-button:is(.main, .join):hover { filter: brightness(1.08) }

.bar, .prompt, .head, button { user-select: none }
.bar, .prompt, .card, .panel { position: fixed; display: flex; background: var(--bg); box-shadow: var(--collabchat-shadow, var(--shadow)) }
.bar, .prompt { gap: 2px; padding: 4px; border-radius: var(--collabchat-radius, 24px) }
.bar { flex-wrap: wrap; max-width: calc(100vw - 32px); align-items: center; font-size: var(--small); font-weight: 500; font-variant-numeric: tabular-nums }
.bar[data-at=""] { visibility: hidden }
.bar[data-at^=top-] { top: calc(var(--collabchat-top, 14px) + 50px * var(--row)) }
.bar[data-at^=bottom-] { bottom: calc(var(--collabchat-bottom, 14px) + env(safe-area-inset-bottom) + 50px * var(--row)) }
.bar[data-at$=-left] { left: var(--collabchat-end, 16px) }
.bar[data-at$=-right] { right: var(--collabchat-end, 16px) }
:host(.inline) { position: static !important; display: inline-block !important }
:host(.inline) .bar { position: static; box-shadow: none; visibility: visible }
.bar > * { display: inline-flex; align-items: center; gap: 6px; min-height: 28px; padding: 0 10px; border-radius: var(--collabchat-radius, 999px); white-space: nowrap }
.bar .icon { width: 16px; height: 16px; color: var(--soft) }
.bar button:hover, .bar button[aria-expanded=true] { background: var(--fill) }
.bar .people::before, .bar .state::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--good); flex: none }
.bar .state::before { background: var(--warn) }
.bar .state { color: var(--soft); white-space: normal }
.bar .refused::before { background: var(--bad) }

.bar .new { padding: 0 6px; border-radius: var(--collabchat-radius, 999px); background: var(--accent); color: var(--on-accent); font-size: var(--tiny) }

@media (max-width: 640px) {
  .icon-button { width: 40px; height: 40px }
  .text-button { min-height: 40px; padding-inline: 14px }
  .bar button { min-height: 40px }
}
@keyframes rise { from { opacity: 0; transform: translateY(4px) } }
@media (prefers-reduced-motion: reduce) { * { animation-duration: 1ms !important } }
@media print { .face { display: none } }
@media (forced-colors: active) {
  .bar ::before { forced-color-adjust: none }
  .bar, .prompt, .bar .new, .text-button:is(.main, .join) { border: 1px solid }
  [aria-expanded=true] { outline: 1px solid }
  button:disabled { color: GrayText; opacity: 1 }
}`

/** @param {boolean} dark */
const highlights = dark => {
  // What is muted on the page would be hard to read on the strongest ground, so that has its own letters, and lets nothing through.
  const [tint, deep, strong, line, ink] = dark ? ['#e3b34133', '#e3b3414c', '#5f4c17', '#d9a437', '#f4f5f7'] : ['#ffcd3c47', '#ffc31e6b', '#ffdc85', '#b07d00', '#1d2129']
  const under = (/** @type {string} */ colour, style = 'solid', width = '2px') => `text-decoration: underline ${style} ${colour} ${width}; text-underline-offset: 3px`
  // WebKit draws no lines under resolved ones, so they have a ground there.
  // In a layer, for adopted sheets come after the page's own: a rule of the page wins without being stronger.
  return `@media screen { @layer collabchat {
::highlight(collabchat-resolved) { ${under(dark ? '#7d8794' : '#8a93a0', 'dotted', '1px')} }
@supports (hanging-punctuation: first) { ::highlight(collabchat-resolved) { background-color: ${dark ? '#7d879433' : '#8a93a029'} } }
::highlight(collabchat-open) { background-color: ${tint}; ${under(line, 'solid', '1.5px')} }
::highlight(collabchat-hover) { background-color: ${deep}; ${under(line)} }
::highlight(collabchat-draft) { background-color: ${strong}; color: ${ink}; ${under(line, 'dashed')} }
::highlight(collabchat-active) { background-color: ${strong}; color: ${ink}; ${under(line)} }
@media (forced-colors: active) {
  ::highlight(collabchat-open), ::highlight(collabchat-hover) { background-color: Mark; color: MarkText }
  ::highlight(collabchat-draft), ::highlight(collabchat-active) { background-color: Highlight; color: HighlightText }
} } }`
}

/** @type {Map<string, CSSStyleSheet>} */
const made = new Map()

/** Sheets are shared by all widgets of a document. @param {string} name  @param {() => string} text */
export function sheet(name, text) {
  const known = made.get(name)
  if (known) return known
  const one = new CSSStyleSheet()
  one.replaceSync(text())
  made.set(name, one)
  return one
}

export const widgetSheet = () => sheet('widget', () => WIDGET)
export const pointerSheet = () => sheet('pointer', () => `@layer collabchat { :hover { cursor: pointer } }`)
export const highlightSheet = (/** @type {boolean} */ dark) => sheet(dark ? 'dark' : 'light', () => highlights(dark))
