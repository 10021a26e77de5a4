/** How everything looks. Colours and sizes can be set from outside by the custom properties `--collabchat-…` on the element. */

const LIGHT = `
--bg: var(--collabchat-bg, #fff); --fg: var(--collabchat-fg, #1d2129); --soft: #5b6472; --line: #e1e5ea; --fill: #f4f6f8; --press: #e9edf1;
--accent: var(--collabchat-accent, #3451d1); --on-accent: #fff; --mark: #e0a100; --bad: #b3261e; --bad-fill: #fdf0ef; --good: #1a7f4b; --warn: #b86e00;
--shadow: 0 0 0 1px #141c2d14, 0 10px 32px #141c2d26;
--disc: 45% 88%; --letters: 55% 27%; color-scheme: light;`

const DARK = `
--bg: var(--collabchat-bg, #20242b); --fg: var(--collabchat-fg, #e8eaee); --soft: #a2abb8; --line: #363c46; --fill: #2a2f38; --press: #353b46;
--accent: var(--collabchat-accent, #93a8ff); --on-accent: #12151c; --mark: #e3b341; --bad: #ff9c94; --bad-fill: #3a2626; --good: #5fce95; --warn: #f0b45b;
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
--bad: oklch(from var(--bg) var(--lift) .15 26); --good: oklch(from var(--bg) var(--lift) .12 155); --warn: oklch(from var(--bg) var(--lift) .12 65);
--bad-fill: color-mix(in srgb, var(--bad) 8%, var(--bg));
--soft: color-mix(in srgb, var(--fg) 78%, var(--bg)); --line: color-mix(in srgb, var(--fg) 14%, var(--bg));
--fill: color-mix(in srgb, var(--fg) 5%, var(--bg)); --press: color-mix(in srgb, var(--fg) 9%, var(--bg));`

const WIDGET = `
:host { all: initial; color-scheme: inherit; outline-color: Canvas; position: fixed; inset: 0 auto auto 0; z-index: var(--collabchat-z, 2147483000) }
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
.text-button.danger { color: var(--bad) }

.bar, .prompt, .head, button { user-select: none }
.bar, .prompt, .card, .panel { position: fixed; display: flex; background: var(--bg); box-shadow: var(--shadow) }
.bar, .prompt { gap: 2px; padding: 4px; border-radius: var(--collabchat-radius, 999px) }
.bar { inset-block-start: calc(var(--collabchat-top, 14px) + 50px * var(--row)); inset-inline-end: var(--collabchat-end, 16px); align-items: center; font-size: var(--small); font-weight: 500; font-variant-numeric: tabular-nums }
.bar[data-at^=top-], .bar[data-at^=bottom-] { inset: auto }
.bar[data-at^=top-] { top: calc(var(--collabchat-top, 14px) + 50px * var(--row)) }
.bar[data-at^=bottom-] { bottom: calc(var(--collabchat-bottom, 14px) + 50px * var(--row)) }
.bar[data-at$=-left] { left: var(--collabchat-end, 16px) }
.bar[data-at$=-right] { right: var(--collabchat-end, 16px) }
:host(.inline) { position: static; display: inline-block }
:host(.inline) .bar { position: static; box-shadow: none }
.bar > * { display: inline-flex; align-items: center; gap: 6px; min-height: 28px; padding: 0 10px; border-radius: var(--collabchat-radius, 999px); white-space: nowrap }
.bar .icon, .prompt .icon, .actions .icon { width: 16px; height: 16px }
.bar .icon { color: var(--soft) }
.bar button:hover, .bar button[aria-expanded=true] { background: var(--fill) }
.bar .people::before, .bar .state::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--good); flex: none }
.bar .state::before { background: var(--warn) }
.bar .state { color: var(--soft) }
.bar .refused::before { background: var(--bad) }

.prompt { border-radius: var(--collabchat-radius, 12px) }
.prompt, .card, .panel { animation: rise .14s ease-out }
.prompt .text-button { min-height: 32px; color: var(--fg) }
.prompt .text-button:is(.main, .join) { color: var(--on-accent) }
.prompt .barred { padding: 0 10px; align-self: center; max-width: 260px }
.prompt .icon-button { width: 32px; height: 32px }

.card, .panel { flex-direction: column; border-radius: var(--collabchat-radius, 14px); outline: none }
.card { width: 348px; max-width: calc(100vw - 24px); max-height: min(600px, calc(var(--room, 100vh) - 24px)) }
.panel { inset-block-start: var(--collabchat-top, 14px); inset-inline-end: var(--collabchat-end, 16px); width: 360px; max-width: calc(100vw - 24px); max-height: min(720px, calc(100vh - 28px)); height: fit-content }
.card > :not(.log), .panel > :not(.list) { flex: none }
.head { display: flex; align-items: center; gap: 2px; padding-block: 8px 4px; padding-inline: 16px 8px; min-height: 44px }
.head h2 { font: inherit; font-weight: 600; margin: 0; flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.head .steps { display: inline-flex; align-items: center; color: var(--soft); font-size: var(--tiny); font-variant-numeric: tabular-nums }
.head .steps .icon-button { width: 24px; height: 24px }
.quote { margin: 2px 16px 8px; padding: 1px 0 1px 10px; border-inline-start: 3px solid var(--mark); color: var(--soft); font-size: var(--small); line-height: 1.45;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; overflow-wrap: anywhere }
.gone { text-decoration: line-through; text-decoration-color: var(--soft) }
.quote.gone { border-color: var(--line) }
.badge { margin-inline-end: 6px; padding: 0 6px; border-radius: var(--collabchat-radius, 8px); background: var(--fill); color: var(--soft); font-size: var(--tiny); font-weight: 600 }
.notice { margin: 0 16px 8px; padding: 7px 10px; border-radius: var(--collabchat-radius, 8px); background: var(--fill); color: var(--soft); font-size: var(--small); line-height: 1.4 }
.log, .list { overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--soft) transparent }
.log { padding: 4px 0; min-height: 0 }
.low { overflow-y: auto }
.low .log { min-height: 68px }
.low .typing:empty { display: none }
.placing { margin: -4px 10px 6px }
.low .quote { -webkit-line-clamp: 1; margin-bottom: 2px }
.low .composer textarea { max-height: 66px }
.low.lowest .quote { display: none }
.low.lowest .composer { margin-bottom: 6px }
.low.lowest .head { padding-block: 2px 0 }
.log > .text-button { margin: 0 12px 4px }

.message, .item { display: grid; grid-template-columns: 30px minmax(0, 1fr); column-gap: 10px }
.message { position: relative; contain: layout style; padding: 7px 16px }
.avatar { width: 30px; height: 30px; border-radius: 50%; display: grid; place-items: center; overflow: hidden; background: hsl(var(--hue) var(--disc)); color: hsl(var(--hue) var(--letters)); font-size: 11.5px; font-weight: 600; letter-spacing: .02em; user-select: none }
.byline { display: flex; align-items: baseline; gap: 8px; min-width: 0; line-height: 1.3; padding-inline-end: 4px }
.byline bdi { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.byline time, .byline span { color: var(--soft); font-size: var(--tiny); white-space: nowrap; flex: none }
.body { white-space: pre-wrap; overflow-wrap: anywhere; margin: 1px 0 0 }
.body a { color: inherit; text-decoration: underline 2px var(--accent); text-underline-offset: 3px }
.pending .body { color: var(--soft) }
.pending .sending { animation: late .2s .7s both }
.actions { position: absolute; inset-block-start: 2px; inset-inline-end: 10px; display: flex; padding: 1px; background: var(--bg); border-radius: var(--collabchat-radius, 9px); box-shadow: 0 0 0 1px var(--line); opacity: 0 }
.message:hover .actions, .message:focus-within .actions { opacity: 1 }
@media (hover: hover) { .message:hover .byline, .message:focus-within .byline { padding-inline-end: 88px } }
.message:focus { outline: 0 }
.actions .icon-button { width: 26px; height: 26px }
@media (hover: none) {
  .actions { opacity: 1; box-shadow: none; position: static; grid-column: 2; background: none; margin-inline-start: -6px }
  .actions .icon-button { width: 40px; height: 36px }
}
.reactions { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 5px }
.reactions button { min-width: 26px; height: 26px; padding: 0 8px; border-radius: var(--collabchat-radius, 999px); background: var(--fill); font-size: var(--small); line-height: 26px; font-variant-numeric: tabular-nums }
.reactions button:hover { background: var(--press) }
.reactions button[aria-pressed=true] { box-shadow: inset 0 0 0 1.5px var(--accent) }
.picker button { padding: 0 6px; background: none; font-size: 17px; height: 30px }
.ask { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 6px; margin-top: 6px; font-size: var(--small); color: var(--soft) }
.ask span { flex: 1 0 auto }
.failed { margin: 4px 16px 8px; padding: 9px 12px; border-radius: var(--collabchat-radius, 10px); background: var(--bad-fill); font-size: var(--small) }
.failed strong { color: var(--bad); font-weight: 600 }
.failed .body { margin: 3px 0 4px }
.failed .ask { justify-content: flex-end; margin: 0 -6px -4px }
.typing { padding: 0 16px; min-height: 20px; font-size: var(--tiny); color: var(--soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.fresh { position: sticky; bottom: 4px; margin: 0 auto; display: block; padding: 3px 12px; min-height: 26px; border-radius: var(--collabchat-radius, 999px); background: var(--accent); color: var(--on-accent); font-size: var(--tiny); font-weight: 600; box-shadow: 0 2px 8px #0003 }

.composer { margin: 2px 12px 12px; border: 1px solid var(--line); border-radius: var(--collabchat-radius, 12px); background: var(--bg); display: grid; grid-template-columns: 1fr auto; align-items: end }
.composer:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent) }
.composer textarea { border: 0; outline: 0; background: none; resize: none; padding: 8px 4px 8px 12px; min-height: 38px; max-height: 180px; width: 100%; display: block; field-sizing: content; line-height: 1.45 }
.composer textarea::placeholder { color: var(--soft); opacity: 1 }
.composer .tools { display: flex; gap: 4px; padding: 4px; align-items: center }
.composer .count { font-size: var(--tiny); color: var(--soft); font-variant-numeric: tabular-nums }
.composer .count.over { color: var(--bad); font-weight: 600 }
.composer .send { width: 30px; height: 30px; border-radius: var(--collabchat-radius, 9px); background: var(--accent); color: var(--on-accent); display: grid; place-items: center }
.composer .send:disabled { background: var(--press); color: var(--soft); opacity: 1 }
.message .composer { margin: 4px 0 2px; grid-template-columns: 1fr }
.message .tools { justify-content: flex-end }
.problem { grid-column: 1 / -1; color: var(--bad); font-size: var(--tiny); padding: 0 12px 8px }

.filters { display: flex; gap: 4px; padding: 2px 12px 8px }
.filters [aria-pressed=true] { background: var(--fill); color: var(--fg) }
.bar .new { padding: 0 6px; border-radius: 999px; background: var(--accent); color: var(--on-accent); font-size: var(--tiny) }
.fresh-item .body { font-weight: 600 }
.message[data-new]::before { content: attr(data-new); grid-column: 1 / -1; color: var(--soft); font-size: var(--tiny); font-weight: 600; border-block-start: 1px solid var(--accent); padding-top: 3px }
.filters .whole { margin-inline-start: auto }
.list { list-style: none; margin: 0; padding: 0 8px 8px }
.list h3 { font: inherit; font-size: var(--tiny); font-weight: 600; color: var(--soft); margin: 10px 8px 4px }
.item { width: 100%; text-align: start; padding: 9px 8px; border-radius: var(--collabchat-radius, 10px) }
.item:hover { background: var(--fill) }
.item:focus-visible { outline-offset: -2px }
.item .passage { display: block; color: var(--soft); font-size: var(--small); overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.item .body { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; white-space: normal }
.item .meta { color: var(--soft); font-size: var(--tiny); display: block; margin-top: 1px }
.item .meta.bad { color: var(--bad); font-weight: 600 }
.empty { padding: 20px 24px 28px; text-align: center; color: var(--soft) }
.empty strong { display: block; color: var(--fg); font-weight: 600; margin-bottom: 2px }

@media (max-width: 640px) {
  .card, .panel { inset: auto 0 0 !important; width: 100%; max-width: none; max-height: 72dvh !important; border-radius: var(--collabchat-radius, 18px) var(--collabchat-radius, 18px) 0 0; padding-bottom: env(safe-area-inset-bottom); animation-name: sheet }
  .icon-button { width: 40px; height: 40px }
  .text-button { min-height: 40px; padding-inline: 14px }
  .composer .send { width: 38px; height: 38px }
  .composer textarea { font-size: max(16px, var(--size)); min-height: 46px; padding-block: 11px }
  .head { padding-inline-end: 10px }
  .head .steps .icon-button { width: 40px; height: 40px }
  .bar:not([data-at]) { inset-block: auto calc(var(--collabchat-bottom, 14px) + env(safe-area-inset-bottom) + 50px * var(--row)) }
  .bar button { min-height: 40px }
}
@media (max-width: 640px) { .card { max-height: max(.72 * var(--room, 100dvh), min(var(--room, 100dvh) - 4px, 340px)) !important } }
@keyframes rise { from { opacity: 0; transform: translateY(4px) } }
@keyframes sheet { from { transform: translateY(24px); opacity: 0 } }
@keyframes late { from { opacity: 0 } }
@media (prefers-reduced-motion: reduce) { * { animation-duration: 1ms !important } }
@media print { .face { display: none } }
@media (forced-colors: active) {
  .bar ::before, .avatar { forced-color-adjust: none }
  .card, .panel, .bar, .prompt, .composer, .failed, .actions { border: 1px solid CanvasText }
  .composer:focus-within { outline: 2px solid Highlight }
  .reactions button[aria-pressed=true], .filters [aria-pressed=true] { outline: 2px solid Highlight }
}`

/** @param {boolean} dark */
const highlights = dark => {
  // What is muted on the page would be hard to read on the strongest ground, so that has its own letters, and lets nothing through.
  const [tint, deep, strong, line, ink] = dark ? ['#e3b34133', '#e3b3414c', '#5f4c17', '#d9a437', '#f4f5f7'] : ['#ffcd3c47', '#ffc31e6b', '#ffdc85', '#b07d00', '#1d2129']
  const under = (/** @type {string} */ colour, style = 'solid', width = '2px') => `text-decoration: underline ${style} ${colour} ${width}; text-underline-offset: 3px`
  // In a layer, for adopted sheets come after the page's own: a rule of the page wins without being stronger.
  return `@layer collabchat {
::highlight(collabchat-resolved) { ${under(dark ? '#7d8794' : '#8a93a0', 'dotted', '1px')} }
::highlight(collabchat-open) { background-color: ${tint}; ${under(line, 'solid', '1.5px')} }
::highlight(collabchat-hover) { background-color: ${deep}; ${under(line)} }
::highlight(collabchat-draft) { background-color: ${strong}; color: ${ink}; ${under(line, 'dashed')} }
::highlight(collabchat-active) { background-color: ${strong}; color: ${ink}; ${under(line)} }
@media (forced-colors: active) {
  ::highlight(collabchat-open), ::highlight(collabchat-hover) { background-color: Mark; color: MarkText }
  ::highlight(collabchat-draft), ::highlight(collabchat-active) { background-color: Highlight; color: HighlightText }
} }`
}

/** @type {Map<string, CSSStyleSheet>} */
const made = new Map()

/** Sheets are shared by all widgets of a document. @param {string} name  @param {() => string} text */
function sheet(name, text) {
  const known = made.get(name)
  if (known) return known
  const one = new CSSStyleSheet()
  one.replaceSync(text())
  made.set(name, one)
  return one
}

export const widgetSheet = () => sheet('widget', () => WIDGET)
export const highlightSheet = (/** @type {boolean} */ dark) => sheet(dark ? 'dark' : 'light', () => highlights(dark))
