/** What is under test; mutants.test.js puts a broken one in its place. */
/** @type {typeof import('../../collabchat_asgi/static/client/client.js')} */
const subject = await import(process.env.COLLABCHAT_CLIENT ?? new URL('../../collabchat_asgi/static/client/client.js', import.meta.url).href)
export const { CollabClient, CollabError } = subject

const WIDGET = process.env.COLLABCHAT_WIDGET ?? new URL('../../collabchat_asgi/static/widget/', import.meta.url).href
/** Of the list and the marks. @type {[typeof import('../../collabchat_asgi/static/widget/kinds.js'), typeof import('../../collabchat_asgi/static/widget/marks.js'), typeof import('../../collabchat_asgi/static/widget/matching.js')]} */
const modules = [await import(WIDGET + 'kinds.js'), await import(WIDGET + 'marks.js'), await import(WIDGET + 'matching.js')]
export const [{ kinds }, { APART, marks }, { Matching, folded, people }] = modules
