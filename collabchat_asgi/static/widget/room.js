/** Where what is ours has its place: beside a passage, in a corner, above all that is the page's. Loaded after the page's own things, before it is needed. */
export { seat } from './beside.js'
export { corners } from './corners.js'
export { followGround } from './dusk.js'
export { keep } from './kept.js'
export { Layer } from './layer.js'
