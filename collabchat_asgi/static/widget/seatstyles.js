/** How a card looks where it has little room, or is to take little: in a narrow window, and what beside.js says of it. It stands behind what talkstyles.js says. */
import { sheet } from './styles.js'

const SEATED = `
@media (max-width: 640px) {
  .card.over { inset: 0 0 auto !important; border-radius: 0 0 var(--collabchat-radius, 18px) var(--collabchat-radius, 18px); animation-name: rise }
  .composer .send { width: 38px; height: 38px }
  .composer textarea { font-size: max(16px, var(--size)); min-height: 46px; padding-block: 11px }
  .steps .icon-button { width: 32px; height: 40px }
  .card { max-height: max(.72 * var(--room, 100dvh), min(var(--room, 100dvh) - 4px, 340px)) !important }
}
@media (max-width: 400px) { [data-key=resolve] { font-size: 0 } }

.low { overflow-y: auto }
.low .log { min-height: 68px }
.low .typing:empty { display: none }
.low .quote { -webkit-line-clamp: 1; margin-bottom: 2px }
.low .composer textarea { max-height: 66px }
.low.lowest .quote { display: none }
.low.lowest .composer { margin-bottom: 6px }
.low.lowest .head { padding-block: 2px 0 }

.card.choosing { display: grid; grid-template: "notice notice head" auto "quote placing placing" auto / minmax(0, 1fr) auto auto; align-items: center; padding-block: 4px }
.choosing > :not(.head, .quote, .notice, .placing), .choosing .head > :not([data-key=close]) { display: none }
.choosing .head { grid-area: head; padding: 0 8px; min-height: 0 }
.choosing .notice { grid-area: notice; margin: 0; padding: 0; padding-inline-start: 16px; background: none; border: 0; color: inherit; font-weight: 500 }
.choosing .quote { grid-area: quote; margin: 0; margin-inline-start: 16px; -webkit-line-clamp: 1 }
.choosing .placing { grid-area: placing; margin: 0 8px }`

export const seatedSheet = () => sheet('seated', () => SEATED)
