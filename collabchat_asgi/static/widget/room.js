/** Where a page leaves room for what is ours. Loaded after the page's own things, before it is needed. */
export { seat } from './beside.js'
export { corners } from './corners.js'
