/** What a discussion is to its reader, as the list tells it apart. Pure. */

/** @import { AnchorState, Chat, User } from '../typed/types.js' */

/** @typedef {'open' | 'resolved' | 'new' | 'own' | 'lost'} Kind */

/**
 * @param {readonly Chat[]} chats
 * @param {{me: string | undefined, unread: ReadonlyMap<string, unknown>, state: (chatId: string) => AnchorState | undefined}} reader
 * @returns {Record<Kind, Chat[]>} each as often as it is something
 */
export const kinds = (chats, { me, unread, state }) => ({
  open: chats.filter(each => !each.resolved),
  resolved: chats.filter(each => each.resolved),
  new: chats.filter(each => unread.has(each.id)),
  own: chats.filter(each => me !== undefined && writers(each).some(({ id }) => id === me)),
  lost: chats.filter(each => state(each.id) === 'lost'),
})

/** Who wrote in a discussion, as far as it is loaded: perhaps more than once. @param {Chat} chat  @returns {User[]} */
export const writers = ({ createdBy, comments }) => [createdBy, ...comments.map(each => each.author)]
