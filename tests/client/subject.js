/** The client under test: minify.test.js puts the small one in its place, and the convergence's mutants a broken one. */
/** @type {typeof import('../../collabchat_asgi/static/client/client.js')} */
const subject = await import(process.env.COLLABCHAT_CLIENT ?? new URL('../../collabchat_asgi/static/client/client.js', import.meta.url).href)
export const { CollabClient, CollabError } = subject

export { kinds } from '../../collabchat_asgi/static/widget/kinds.js'
export { APART, marks } from '../../collabchat_asgi/static/widget/marks.js'
export { Matching, folded, people } from '../../collabchat_asgi/static/widget/matching.js'
