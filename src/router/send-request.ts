import type { Connection, Fields, Text } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import type { TemplateUse } from '../messages/template-use.ts'
import type { RouteValues } from './routing.ts'

/** Whom a message goes to: a number, a connection, a contact (over the connection last heard from), or a group. */
export type Recipient = string | Connection | { readonly contact: string } | { readonly group: string }

/** A text to send. */
export interface TextRequest extends SendValues {
  readonly text: Text
  readonly template?: undefined
}

/** A template to send, rendered for each recipient. */
export interface TemplateRequest extends SendValues {
  readonly text?: undefined
  readonly template: TemplateUse
}

/** A message to send. */
export type SendRequest = TextRequest | TemplateRequest

/** How, when and to whom a message goes. */
export interface SendValues {
  /** Whoever is named twice gets one message. */
  readonly to: Recipient | readonly Recipient[]
  /** The backend for recipients given as numbers; by default the one that the routing of the settings chooses. */
  readonly backend?: string
  /** What the routing may go by, such as the module that sends and the type of the message. */
  readonly route?: RouteValues
  /** Our address it leaves from. */
  readonly from?: string
  readonly class?: MessageClass
  readonly fields?: Fields
  readonly options?: SendOptions
  /** Handed to the service as they are; plain JSON. */
  readonly params?: Fields
  /** Not before this time. */
  readonly at?: Date
  /** Not after this time. */
  readonly expires?: Date
  readonly tag?: string
  readonly relatedTo?: string
  /** Kept with the message; plain JSON. */
  readonly extra?: Fields
  /**
   * A text that the sender chose for what it asks: whoever asks again with the same key and the same request is given
   * the first result, and nothing is sent again. Not for what apps send, which is recorded once with its message.
   */
  readonly idempotencyKey?: string
}

/** Requests that are made when it is known that they are needed: for a repeat under a key they are not. */
export interface LaterRequests {
  /** What a repeat is known by; plain JSON, with all that the requests are made of. */
  readonly asked: unknown
  make(): Promise<readonly SendRequest[]>
}

export interface SentMessage extends Connection {
  readonly id: string
}

/** Somebody whom nothing is sent to. */
export interface LeftOut {
  /** The member of a group. */
  readonly contact?: string
  /** The recipient who does not get the template. */
  readonly connection?: Connection
  readonly reason: string
}

/** What came of a request. */
export interface Submission {
  /** What was recorded: one message per recipient, several where a long text was split. */
  readonly messages: readonly SentMessage[]
  /** Members of groups who have no connection that can be sent to; recipients who do not get the template. */
  readonly leftOut: readonly LeftOut[]
  /** The key had been used before: this is what the first call came to, and nothing was recorded by this one. */
  readonly isRepeat: boolean
}
