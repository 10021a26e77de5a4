/**
 * The types of client.js: the words of PROTOCOL.md, and what the client adds to them.
 * Only type checkers read this file; browsers never load it.
 */

export interface User { readonly id: string; readonly name: string; readonly avatar?: string }

export interface TextQuoteSelector { type: 'TextQuoteSelector'; exact: string; prefix?: string; suffix?: string }
export interface TextPositionSelector { type: 'TextPositionSelector'; start: number; end: number }
export interface RangeSelector { type: 'RangeSelector'; startSelector: TextQuoteSelector; endSelector: TextQuoteSelector }
export type Selector = TextQuoteSelector | TextPositionSelector | RangeSelector

/** Made and read by the widget's anchoring; the client only carries it. An empty `selector` means the page as a whole. */
export interface Anchor { readonly selector: readonly Selector[]; readonly length: number; readonly scope?: string }

/**
 * What became of a passage in the text as it is now: `anchored`, its words are there; `changed`, it is there in other words;
 * `lost`, it is not found with good reason, and is not hung on something like it.
 */
export type AnchorState = 'anchored' | 'changed' | 'lost'

/** Why an operation, a page or a connection was refused. `code` is PROTOCOL section 4's, or one of the client's own. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly field?: string
  /** When what was refused may be asked again, in ms since the epoch by the server's clock: with `quota`, the end of the period. */
  readonly until?: number
}

export interface Comment {
  readonly id: string
  readonly body: string
  readonly author: User
  readonly createdAt: number
  readonly editedAt?: number
  readonly reactions?: { readonly [emoji: string]: readonly string[] }
  /** Shows something that is not committed yet. */
  readonly pending?: true
  /** An edit of this comment was refused; the text is in `state.drafts`. */
  readonly failed?: Refusal
}

export interface Chat {
  readonly id: string
  readonly anchor: Anchor
  readonly createdBy: User
  readonly createdAt: number
  readonly updatedAt: number
  readonly resolved?: { readonly by: User; readonly at: number }
  /** All of them; `comments` holds the newest ones that are loaded, oldest first. `loadOlder` brings more. */
  readonly commentCount: number
  readonly comments: readonly Comment[]
  /** The chat, or anything in it, shows something that is not committed yet. */
  readonly pending?: true
  /** A text for this chat was refused; it is in `state.drafts`. */
  readonly failed?: Refusal
}

export interface Position { readonly epoch: string; readonly seq: number }

interface EventOf { seq: number; broadcastId: string; ts: number; user: User }
export interface EventComment { id: string; body: string; editedAt?: number }
export type PageEvent = EventOf & (
  | { type: 'new-text-chat'; chat: { id: string; anchor: Anchor; comment: EventComment } }
  | { type: 'updated-text-chat'; chatId: string; change: 'comment-added' | 'comment-edited'; comment: EventComment }
  | { type: 'updated-text-chat'; chatId: string; change: 'comment-deleted'; commentId: string }
  | { type: 'updated-text-chat'; chatId: string; change: 'resolved' | 'reopened' }
  | { type: 'updated-text-chat'; chatId: string; change: 'anchor-moved'; anchor: Anchor }
  | { type: 'updated-text-chat'; chatId: string; change: 'reaction-added' | 'reaction-removed'; commentId: string; emoji: string }
  | { type: 'deleted-text-chat'; chatId: string })

export type Operation =
  | { type: 'create-chat'; chat: { id: string; anchor: Anchor; comment: { id: string; body: string } } }
  | { type: 'add-comment' | 'edit-comment'; chatId: string; comment: { id: string; body: string } }
  | { type: 'delete-comment'; chatId: string; commentId: string }
  | { type: 'resolve-chat' | 'reopen-chat' | 'delete-chat'; chatId: string }
  | { type: 'move-anchor'; chatId: string; anchor: Anchor }
  | { type: 'add-reaction' | 'remove-reaction'; chatId: string; commentId: string; emoji: string }

export interface Ack { readonly broadcastId: string; readonly epoch: string; readonly seq: number; readonly ts?: number }

/** An operation in the queue. It stays, as part of what is shown, until it is settled (PROTOCOL section 8). */
export interface Queued {
  readonly broadcastId: string
  readonly operation: Operation
  /** When it was made, by this device's clock. */
  readonly at: number
  /** Sent on the present connection and not answered yet. */
  sent?: boolean
  /** Counts what this tab has sent: of two operations the later one has the greater turn. */
  turn?: number
  /** Sent on the present connection, and not yet answered for good: by an ack or a refusal without `retry`. */
  asked?: boolean
  /** An operation behind it has happened already, so this one has too, or never will: only its answer is still on the way. */
  overtaken?: boolean
  ack?: Ack
  /** Acked before the page was last asked for: whatever the answer shows holds it, or it was erased. */
  certain?: boolean
}

/** A text that was refused, or waited too long: it is the reader's again, to send anew or to throw away. */
export interface Draft {
  /** For `retryDraft` and `discardDraft`. */
  readonly id: string
  readonly text: string
  readonly operation: Operation
  /** The chat it belongs to; for a `create-chat` the chat that was not made. */
  readonly chatId: string
  readonly refusal: Refusal
}

export type Settled = { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal }

/** What a method that changes something returns, at once; the change shows in `state` at once too. */
export interface Sent {
  readonly broadcastId: string
  readonly chatId: string
  readonly commentId?: string
  /** Never rejects. Waits as long as it takes: offline, that may be days. */
  readonly settled: Promise<Settled>
}

/**
 * connecting    first connection under way
 * live          connected, and the page is up to date
 * reconnecting  the connection was lost; under 5 s ago
 * offline       lost for 5 s or more: tell the reader. Everything stays readable, and new operations are queued
 * refused       stopped, see `reason`; only `connect()` or `setToken()` start again
 * closed        `close()` or `destroy()` was called
 */
export type Status = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'refused' | 'closed'
export interface StatusEvent { readonly status: Status; readonly reason?: Refusal }

export interface PageState {
  readonly urlId: string
  readonly status: Status
  readonly reason?: Refusal
  /** Whether the page was ever loaded: until then an empty `chats` means nothing. */
  readonly loaded: boolean
  readonly position: Position
  /** Confirmed and pending as one. A chat that did not change is the same object as before. In no order that means anything: sort by anchor. */
  readonly chats: readonly Chat[]
  readonly can: readonly string[]
  /** Absent until the server has said who is here, and while nobody is signed in. */
  readonly user?: User
  readonly tenantId?: string
  /** Distinct people, and connections; absent until known. */
  readonly users?: number
  readonly connections?: number
  /** Who is here, this reader included, where the host lets pages tell it and while the page is small. */
  readonly people?: readonly User[]
  /** Everything up to this number was read by this person, on whichever device; absent: they were never here. */
  readonly read?: number
  /** Operations that are not settled. */
  readonly pending: number
  readonly drafts: readonly Draft[]
}

export interface Presence { readonly users: number; readonly connections: number; readonly joined: readonly User[]; readonly left: readonly string[] }
/** Everybody else who is typing in this chat now; given again, shorter, when somebody stops. */
export interface Typing { readonly chatId: string; readonly users: readonly User[] }
/** This person has read on, here or on another device; what others write comes with `change`. `unread` is `page.unread()`. */
export interface ReadEvent { readonly read?: number; readonly unread: ReadonlyMap<string, readonly string[]> }
export interface ErrorEvent extends Refusal { readonly urlId?: string; readonly broadcastId?: string }

export interface PageEvents { change: PageState; presence: Presence; typing: Typing; read: ReadEvent; status: StatusEvent; draft: Draft; error: ErrorEvent }
export interface ClientEvents { status: StatusEvent; error: ErrorEvent }

export interface Welcome { connectionId: string; tenantId: string; user: User; now: number; expiresInMs?: number; pingIntervalMs: number; limits: { frameBytes: number; bodyChars: number; dedupeMs: number } }

export type Token = string | (() => string | undefined | Promise<string | undefined>)

export interface ClientOptions {
  /** Where collabchat answers: a path or URL. Without it: where client.js was loaded from. */
  prefix?: string
  /** Needed where the signed-in identity has more than one tenant. */
  tenantId?: string
  /** A function is asked anew for every connection, and before the token runs out. Without one: cookies. */
  token?: Token
  /** Instead of the random one kept in localStorage. A secret of this browser. */
  visitorId?: string
  /** For fetch; `include` unless told. */
  credentials?: RequestCredentials
  /** Everything that touches the world; tests replace it. */
  environment?: Partial<Environment>
}

export interface SocketLike {
  send(data: string): void
  close(code?: number, reason?: string): void
  onopen: ((event: any) => void) | null
  onmessage: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
}
export interface ListenerTarget {
  addEventListener(type: string, listener: (event: any) => void): void
  removeEventListener(type: string, listener: (event: any) => void): void
}
export interface Environment {
  WebSocket: new (url: string, protocols: string[]) => SocketLike
  fetch: (url: string, init: { headers: Record<string, string>; credentials: RequestCredentials; signal: AbortSignal }) => Promise<{ status: number; json(): Promise<any> }>
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null
  /** Of this tab alone, through its reloads. */
  session: Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'> | null
  /** Monotonic milliseconds. */
  now: () => number
  /** The device's wall clock: milliseconds since the epoch. */
  clock: () => number
  setTimeout: (callback: () => void, ms: number) => any
  clearTimeout: (timer: any) => void
  random: () => number
  crypto: { randomUUID?: () => string; getRandomValues: (bytes: Uint8Array) => Uint8Array } | null
  window: ListenerTarget | null
  document: (ListenerTarget & { readonly visibilityState: string; readonly cookie?: string }) | null
  /** The address of the page, for a relative prefix and for https → wss. */
  location: string
  warn: (message: string, ...more: unknown[]) => void
}
