/** The client under test; mutants.test.js puts a broken one in its place. */
/** @type {typeof import('../../collabchat_asgi/static/client/client.js')} */
const subject = await import(process.env.COLLABCHAT_CLIENT ?? new URL('../../collabchat_asgi/static/client/client.js', import.meta.url).href)
export const { CollabClient, CollabError } = subject
