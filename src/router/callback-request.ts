import type { OutgoingState } from '../messages/states.ts'
import type { CallbackFormat, CallbackName } from '../store/callback-store.ts'

/** Where to tell of what. */
export interface CallbackInput {
  readonly name: CallbackName
  /** Of http or https; a user and a password in it are sent as basic authentication. */
  readonly url: string
  /** `json` by default; `form` has the fields of Vumi's first API. */
  readonly format?: CallbackFormat | undefined
  /** Only of messages of these backends; null for all that the owner may see. */
  readonly backends?: readonly string[] | null | undefined
}

/** What is left out stays as it is. */
export interface CallbackChange extends Partial<CallbackInput> {
  /** Signs with a new secret from now on. */
  readonly newSecret?: boolean | undefined
}

/** Whose callbacks they are. */
export interface CallbackOwner {
  /** A user of the API; null for the project itself. */
  readonly user: string | null
  /** The backends that the user may see; undefined for all. */
  readonly backends?: readonly string[] | undefined
}

/** A URL that is told of one kind of event. */
export interface Callback {
  readonly id: number
  readonly user: string | null
  readonly name: CallbackName
  /** Without the password that it may hold. */
  readonly url: string
  readonly format: CallbackFormat
  /** Null for all. */
  readonly backends: readonly string[] | null
  readonly createdAt: Date
  readonly updatedAt: Date
  /** Since when it is told nothing more, having answered 410 or lost its user; a change ends that. */
  readonly disabledAt: Date | null
  readonly disabledReason: string | null
}

/** With the secret that its requests are signed with, which is shown once. */
export type CallbackWithSecret = Callback & { readonly secret: string }

/** A callback with what waits for it. */
export interface CallbackStanding extends Callback {
  readonly waiting: number
  readonly dead: number
}

/** An event that could not be told, and was given up. */
export interface DeadCallback {
  /** The same in each request: `webhook-id`. */
  readonly id: string
  /** Orders them, and pages through them. */
  readonly seq: number
  readonly callback: number
  readonly name: CallbackName
  readonly at: Date
  readonly messageId: string
  readonly backend: string
  readonly identity: string
  readonly state: OutgoingState | null
  readonly tries: number
  /** Of the last answer; null where there was none. */
  readonly status: number | null
  readonly failure: string | null
  readonly deadAt: Date
}
