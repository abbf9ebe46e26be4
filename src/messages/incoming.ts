import type { MessageClass } from './lane.ts'
import type { TemplateText } from './template-use.ts'

/** What a form yielded beyond identity and text. Plain JSON. */
export type Fields = Readonly<Record<string, unknown>>

/** A person's address on one backend. */
export interface Connection {
  readonly backend: string
  readonly identity: string
}

/** A text, or one text per language (`{ en: 'Hello', sw: 'Habari' }`): the contact's language is chosen. */
export type Text = string | Readonly<Record<string, string>>

/** How one response differs from the plain one. */
export interface RespondOptions {
  /** Where it goes; by default back to the person who wrote, over the backend it came from. */
  readonly to?: Connection
  /** Our address it leaves from; by default the one that was written to. */
  readonly from?: string
  /** Ends the USSD session with this text. */
  readonly end?: boolean
  /** Merged over the incoming message's fields, which travel along to `send`. */
  readonly fields?: Fields
  readonly class?: MessageClass
  /** Sent also to who has opted out: for the confirmation of that, and for help. */
  readonly despiteOptOut?: boolean
}

/** One text that an app wants sent because of an incoming message. */
export interface Response {
  readonly text: Text | TemplateText
  readonly options: RespondOptions
}

/** What the store knows of an incoming message when its phases begin. */
export interface IncomingData {
  readonly id: string
  readonly backend: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  readonly fields: Fields
  readonly externalId: string | null
  /** Milliseconds since 1970. */
  readonly receivedAt: number
  /** How many times its phases have failed before. */
  readonly tries: number
}

/** A message that a person sent, as apps see it. */
export class IncomingMessage {
  readonly id: string
  readonly backend: string
  readonly identity: string
  /** Our address it was sent to, where the service tells. */
  readonly address: string | null
  /** What apps work on; the parse phase may change it. */
  text: string
  /** The text as it came in. */
  readonly rawText: string
  readonly fields: Fields
  readonly externalId: string | null
  readonly receivedAt: Date
  readonly tries: number
  /** Set when an app's `handle` returned true; may be set by hand to keep the default phase away. */
  handled = false
  readonly responses: Response[] = []

  constructor(data: IncomingData) {
    this.id = data.id
    this.backend = data.backend
    this.identity = data.identity
    this.address = data.address
    this.text = data.text
    this.rawText = data.text
    this.fields = data.fields
    this.externalId = data.externalId
    this.receivedAt = new Date(data.receivedAt)
    this.tries = data.tries
  }

  get connection(): Connection {
    return { backend: this.backend, identity: this.identity }
  }

  /**
   * Adds a response. Responses leave in the order they were added, once all phases are done.
   * @returns `true`, so that `return message.respond(…)` both answers and ends the chain.
   */
  respond(text: Text | TemplateText, options: RespondOptions = {}): true {
    this.responses.push({ text, options })
    return true
  }
}
