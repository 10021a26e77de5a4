/** How a discussion and the list of all look: nothing of it is seen before somebody opens one. It stands behind what styles.js says. */
import { sheet } from './styles.js'

const TALK = `
.prompt { border-radius: var(--collabchat-radius, 12px); align-items: center; justify-content: flex-end; width: max-content; max-width: calc(100vw - 16px) }
.prompt, .card, .panel { animation: rise .14s ease-out }
.prompt .text-button { min-height: 32px; color: var(--fg) }
.prompt .text-button:is(.main, .join) { color: var(--on-accent) }
.prompt .barred { padding: 0 10px; max-width: 260px }
.prompt .icon-button { width: 32px; height: 32px }
:is(.prompt, .actions) .icon { width: 16px; height: 16px }
.text-button.danger { color: var(--bad) }

.card, .panel { flex-direction: column; border-radius: var(--collabchat-radius, 14px); outline: none }
.card { width: 348px; max-width: calc(100vw - 24px); max-height: min(600px, calc(var(--room, 100vh) - 24px)) }
.panel { inset-block-start: var(--collabchat-top, 14px); inset-inline-end: var(--collabchat-end, 16px); width: 360px; max-width: calc(100vw - 24px); max-height: min(720px, calc(100vh - 28px)); height: fit-content }
.card > :not(.log), .panel > :not(.list) { flex: none }
.head { display: flex; flex-wrap: wrap; justify-content: flex-end; align-items: center; gap: 2px; padding-block: 8px 4px; padding-inline: 16px 8px; min-height: 44px }
.head h2 { font: inherit; font-weight: 600; margin: 0; flex: 1; min-width: 0; overflow-wrap: anywhere }
.head .long { flex: auto }
.steps { display: inline-flex; white-space: nowrap; margin-inline-end: auto; align-items: center; color: var(--soft); font-size: var(--tiny); font-variant-numeric: tabular-nums }
.steps .icon-button { width: 24px; height: 24px }
.face[dir=rtl] :is([data-icon=next], [data-icon=previous]) { transform: scaleX(-1) }
.quote { margin: 2px 16px 8px; padding-block: 1px; padding-inline: 10px 0; border-inline-start: 3px solid var(--mark); color: var(--soft); font-size: var(--small); line-height: 1.45;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; overflow-wrap: anywhere }
.gone { text-decoration: line-through; text-decoration-color: var(--soft) }
.quote.gone { border-color: var(--line) }
.badge { margin-inline-end: 6px; padding: 0 6px; border-radius: var(--collabchat-radius, 8px); background: var(--fill); color: var(--soft); font-size: var(--tiny); font-weight: 600 }
.notice { margin: 0 16px 8px; padding: 7px 10px; border-radius: var(--collabchat-radius, 8px); background: var(--fill); color: var(--soft); font-size: var(--small); line-height: 1.4 }
.log, .list { overflow-y: auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--soft) transparent }
.log { padding: 4px 0; min-height: 0 }
.placing { margin: -4px 10px 6px }
.log > .text-button { margin: 0 12px 4px }

.message, .item { display: grid; grid-template-columns: 30px minmax(0, 1fr); column-gap: 10px }
.message { position: relative; contain: layout style; padding: 7px 16px }
.avatar { position: relative; width: 30px; height: 30px; border-radius: 50%; display: grid; place-items: center; overflow: hidden; background: var(--collabchat-avatar, hsl(var(--hue) var(--disc))); color: var(--collabchat-avatar-fg, hsl(var(--hue) var(--letters))); font-size: 11.5px; font-weight: 600; letter-spacing: .02em; user-select: none }
.avatar img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; background: var(--bg) }
.byline { display: flex; align-items: baseline; gap: 8px; min-width: 0; line-height: 1.3; padding-inline-end: 4px }
.byline bdi { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.byline time, .byline span { color: var(--soft); font-size: var(--tiny); white-space: nowrap; flex: none }
.body { white-space: pre-wrap; overflow-wrap: anywhere; margin: 1px 0 0 }
.body a { color: inherit; text-decoration: underline 2px var(--accent); text-underline-offset: 3px }
.body :is(pre, code) { font-family: ui-monospace, monospace; font-size: var(--small); background: var(--fill); border-radius: var(--collabchat-radius, 5px) }
.body code { padding: 1px 4px }
.body pre { margin: 4px 0; padding: 6px 10px; overflow-x: auto; white-space: pre }
.body blockquote { margin: 4px 0; padding-inline-start: 10px; border-inline-start: 3px solid var(--line); color: var(--soft) }
.body :is(ul, ol) { margin: 2px 0; padding-inline-start: 22px; white-space: normal }
.body li { white-space: pre-wrap }
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
.ask { display: flex; flex-wrap: wrap; justify-content: flex-end; align-items: center; gap: 4px 6px; margin-top: 6px; font-size: var(--small); color: var(--soft) }
.ask span { flex: 1 0 auto }
.failed { margin: 4px 16px 8px; padding: 9px 12px; border-radius: var(--collabchat-radius, 10px); background: var(--bad-fill); font-size: var(--small) }
.failed strong { color: var(--bad); font-weight: 600 }
.failed .body { margin: 3px 0 4px }
.failed .ask { margin: 0 -6px -4px }
.typing { padding: 0 16px; min-height: 20px; font-size: var(--tiny); color: var(--soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.fresh { position: sticky; bottom: 4px; margin: 0 auto; display: block; padding: 3px 12px; min-height: 26px; border-radius: var(--collabchat-radius, 999px); background: var(--accent); color: var(--on-accent); font-size: var(--tiny); font-weight: 600; box-shadow: 0 2px 8px #0003 }

.composer { margin: 2px 12px 12px; border: 1px solid var(--line); border-radius: var(--collabchat-radius, 12px); background: var(--bg); display: grid; grid-template-columns: 1fr auto; align-items: end }
.composer:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent) }
.composer textarea { border: 0; outline: 0; background: none; resize: none; padding: 8px 12px; min-height: 38px; max-height: 180px; width: 100%; display: block; field-sizing: content; line-height: 1.45 }
.composer textarea::placeholder { color: var(--soft); opacity: 1 }
.composer .tools { display: flex; gap: 4px; padding: 4px; align-items: center }
.composer .count { font-size: var(--tiny); color: var(--soft); font-variant-numeric: tabular-nums }
.composer .count.over { color: var(--bad); font-weight: 600 }
.composer .send { width: 30px; height: 30px; border-radius: var(--collabchat-radius, 9px); background: var(--accent); color: var(--on-accent); display: grid; place-items: center }
.composer .send:disabled { background: var(--press); color: var(--soft); opacity: 1 }
.message .composer { margin: 4px 0 2px; grid-template-columns: 1fr }
.message .tools { justify-content: flex-end }
.problem { grid-column: 1 / -1; color: var(--bad); font-size: var(--tiny); padding: 0 12px 8px }

.filters { display: flex; flex-wrap: wrap; gap: 4px 2px; padding: 2px 12px 8px }
.filters .text-button { padding-inline: 7px }
.filters [aria-pressed=true] { background: var(--fill); color: var(--fg) }
.fresh-item .body { font-weight: 600 }
.message[data-new]::before { content: attr(data-new); grid-column: 1 / -1; color: var(--soft); font-size: var(--tiny); font-weight: 600; border-block-start: 1px solid var(--accent); padding-top: 3px; margin-bottom: 4px }
.finding { min-height: 42px }
.told { margin: 0; padding: 0 16px; color: var(--soft); font-size: var(--tiny) }
.told:not(:empty) { padding-bottom: 6px }
.base { display: flex; flex-wrap: wrap; gap: 4px; padding: 4px 12px; border-block-start: 1px solid var(--line) }
.card .base { align-items: center; gap: 8px; padding: 10px 16px; color: var(--soft); font-size: var(--small) }
.card .base span { flex: 1 0 12em }
.base .whole { margin-inline-start: auto }
.switch { gap: 8px; font-weight: 400 }
.switch::before { content: ""; width: 26px; height: 16px; flex: none; border-radius: var(--collabchat-radius, 999px); background: radial-gradient(circle at 8px 50%, var(--bg) 5px, #0000 5.5px) var(--soft) }
.switch[aria-checked=true]::before { background: radial-gradient(circle at 18px 50%, var(--bg) 5px, #0000 5.5px) var(--accent) }
.face[dir=rtl] .switch::before { transform: scaleX(-1) }
.list { list-style: none; margin: 0; padding: 0 8px 8px }
.list h3 { font: inherit; font-size: var(--tiny); font-weight: 600; color: var(--soft); margin: 10px 8px 4px }
.item { width: 100%; text-align: start; padding: 9px 8px; border-radius: var(--collabchat-radius, 10px) }
.item:hover { background: var(--fill) }
.item:focus-visible { outline-offset: -2px }
.item .passage { display: block; color: var(--soft); font-size: var(--small); overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.item .body { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; white-space: normal }
.item .meta { color: var(--soft); font-size: var(--tiny); display: block; margin-top: 1px; overflow: hidden; text-overflow: ellipsis }
.meta > span { white-space: nowrap }
.item .meta.bad { color: var(--bad); font-weight: 600 }
.empty { padding: 20px 24px 28px; text-align: center; color: var(--soft) }
.empty strong { display: block; color: var(--fg); font-weight: 600; margin-bottom: 2px }

@media (max-width: 640px) {
  .card, .panel { inset: auto 0 0 !important; width: 100%; max-width: none; max-height: 72dvh !important; border-radius: var(--collabchat-radius, 18px) var(--collabchat-radius, 18px) 0 0; padding-bottom: env(safe-area-inset-bottom); animation-name: sheet }
  .finding { min-height: 52px }
  .prompt .main { white-space: normal; text-align: start; line-height: 1.3 }
  .prompt:has(.barred:not([hidden])) { flex-wrap: wrap }
  .prompt .barred { flex: 1 0 100%; max-width: none; padding-block: 4px }
}
@media (max-height: 320px) { .panel { overflow-y: auto } .panel > .list { flex: none; overflow: visible } }
@keyframes sheet { from { transform: translateY(24px); opacity: 0 } }
@keyframes late { from { opacity: 0 } }
@media (forced-colors: active) {
  .avatar, .switch::before { forced-color-adjust: none }
  .switch::before { border: 1px solid CanvasText; background: radial-gradient(circle at 7px 50%, CanvasText 4px, #0000 4.5px) Canvas }
  .switch[aria-checked=true]::before { background: radial-gradient(circle at 17px 50%, HighlightText 4px, #0000 4.5px) Highlight }
  .card, .panel, .composer, .failed, .actions, .notice, .badge, .send, .fresh { border: 1px solid }
  .composer:focus-within { outline: 2px solid Highlight }
  .reactions button[aria-pressed=true], .filters [aria-pressed=true] { outline: 2px solid Highlight }
}`

export const talkSheet = () => sheet('talk', () => TALK)
