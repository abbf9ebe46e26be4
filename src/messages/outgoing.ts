import type { Connection, Fields } from './incoming.ts'
import type { MessageClass } from './lane.ts'

/** What a sender asks of the service; each backend maps what its service knows. */
export interface SendOptions {
  /** Shown in place of our number. */
  readonly senderId?: string
  /** Minutes the service may keep trying. */
  readonly validity?: number
  /** Faster and dearer. */
  readonly escalate?: boolean
  readonly allowReply?: boolean
  readonly statusReport?: boolean
  /** Ends the USSD session with this text. */
  readonly end?: boolean
  /** Goes to people who have opted out too: for the confirmation of that, and for help. Never handed to a service. */
  readonly despiteOptOut?: boolean
  /** Goes in quiet hours too. Never handed to a service. */
  readonly despiteQuietHours?: boolean
}

/** What the store knows of an outgoing message when its turn comes. */
export interface OutgoingData {
  readonly id: string
  readonly backend: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  readonly class: MessageClass
  readonly fields: Fields
  readonly options: SendOptions
  /** Handed to the service as they are. */
  readonly params: Fields
  /** The incoming message it answers. */
  readonly inResponseTo: { readonly id: string; readonly externalId: string | null } | null
  /** Attempts taken before this one; none by default. */
  readonly tries?: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

/** A message to one person, as the outgoing phase and backends see it. The outgoing phase may change its text. */
export class OutgoingMessage {
  readonly id: string
  readonly backend: string
  readonly identity: string
  /** Our address it leaves from, where one was chosen. */
  readonly address: string | null
  text: string
  readonly class: MessageClass
  readonly fields: Fields
  readonly options: SendOptions
  readonly params: Fields
  readonly inResponseTo: OutgoingData['inResponseTo']
  readonly tries: number
  readonly createdAt: Date
  /** When it is of no use any more: services that try for long can be told, gateways that fetch are. */
  readonly expiresAt: Date | null

  /** @param expiresAt milliseconds since 1970 */
  constructor(data: OutgoingData, expiresAt: number | null = null) {
    this.id = data.id
    this.backend = data.backend
    this.identity = data.identity
    this.address = data.address
    this.text = data.text
    this.class = data.class
    this.fields = data.fields
    this.options = data.options
    this.params = data.params
    this.inResponseTo = data.inResponseTo
    this.tries = data.tries ?? 0
    this.createdAt = new Date(data.createdAt)
    this.expiresAt = expiresAt === null ? null : new Date(expiresAt)
  }

  get connection(): Connection {
    return { backend: this.backend, identity: this.identity }
  }
}
