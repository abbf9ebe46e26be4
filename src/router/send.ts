import { InvalidInputError } from '../messages/errors.ts'
import type { Connection, Fields, Text } from '../messages/incoming.ts'
import { type MessageClass, messageClasses } from '../messages/lane.ts'
import { chooseText } from '../messages/language.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import type { Contact, NewOutgoing, Store } from '../store/store.ts'
import type { Backend } from './backend.ts'
import type { Identities } from './identities.ts'
import type { OutgoingTexts } from './outgoing-texts.ts'
import type { Addressees } from './pending-people.ts'

/** Whom a message goes to: a number, a connection, a contact (over the connection last heard from), or a group. */
export type Recipient = string | Connection | { readonly contact: string } | { readonly group: string }

/** A message to send. */
export interface SendRequest {
  readonly to: Recipient | readonly Recipient[]
  readonly text: Text
  /** The backend for recipients given as numbers; by default the first that can send. */
  readonly backend?: string
  /** Our address it leaves from. */
  readonly from?: string
  readonly class?: MessageClass
  readonly fields?: Fields
  readonly options?: SendOptions
  /** Handed to the service as they are. */
  readonly params?: Fields
  /** Not before this time. */
  readonly at?: Date
  /** Not after this time. */
  readonly expires?: Date
  readonly tag?: string
  readonly relatedTo?: string
  readonly extra?: Fields
}

export interface SentMessage extends Connection {
  readonly id: string
}

const MOST_RECIPIENTS = 10_000

/** Turns requests into messages to record. */
export class Sender {
  readonly #backends: ReadonlyMap<string, Backend>
  readonly #store: Store
  readonly #languages: readonly string[]
  readonly #identities: Identities
  readonly #texts: OutgoingTexts
  readonly #now: () => number
  readonly #newId: () => string

  constructor(parts: {
    readonly backends: ReadonlyMap<string, Backend>
    readonly store: Store
    readonly languages: readonly string[]
    readonly identities: Identities
    readonly texts: OutgoingTexts
    readonly now: () => number
    readonly newId: () => string
  }) {
    this.#backends = parts.backends
    this.#store = parts.store
    this.#languages = parts.languages
    this.#identities = parts.identities
    this.#texts = parts.texts
    this.#now = parts.now
    this.#newId = parts.newId
  }

  /**
   * One message per recipient; several where the settings have a text split that is too long.
   * @param people who is known; by default those of the store
   * @throws InvalidInputError naming the backend, contact or text that is wrong
   */
  async prepare(request: SendRequest, people: Addressees = this.#store.contacts): Promise<readonly NewOutgoing[]> {
    const recipients = Array.isArray(request.to) ? (request.to as readonly Recipient[]) : [request.to as Recipient]
    const connections: Connection[] = []
    for (const recipient of recipients) {
      connections.push(...(await this.#connectionsOf(recipient, request.backend, people)))
    }
    if (connections.length > MOST_RECIPIENTS) {
      throw new InvalidInputError(`to: at most ${MOST_RECIPIENTS} recipients in one call, not ${connections.length}`)
    }
    const messages = await Promise.all(connections.map((connection) => this.#message(request, connection, people)))
    return messages.flatMap((message) => this.#ruled(message))
  }

  async #connectionsOf(
    recipient: Recipient,
    backend: string | undefined,
    people: Addressees,
  ): Promise<readonly Connection[]> {
    if (typeof recipient === 'string') {
      return [this.#checked({ backend: backend ?? this.#defaultBackend(), identity: recipient.trim() })]
    }
    if ('identity' in recipient)
      return [this.#checked({ backend: recipient.backend, identity: recipient.identity.trim() })]
    if ('contact' in recipient) return [await this.#connectionOf(recipient.contact, people)]
    const members = await people.membersOf(recipient.group)
    return Promise.all(members.map((contact) => this.#connectionOf(contact, people)))
  }

  async #connectionOf(contact: string, people: Addressees): Promise<Connection> {
    const connections = await people.connectionsOf(contact)
    const usable = connections.find(({ backend }) => this.#backends.get(backend)?.send !== undefined)
    if (usable === undefined)
      throw new InvalidInputError(`to: the contact ${contact} has no connection that can be sent to`)
    return usable
  }

  #checked(connection: Connection): Connection {
    if (connection.identity === '')
      throw new InvalidInputError('to: a number or identity is expected, not an empty text')
    const backend = this.#backends.get(connection.backend)
    if (backend === undefined) {
      const known = [...this.#backends.keys()].join(', ')
      throw new InvalidInputError(`backend: there is no backend "${connection.backend}"; there are ${known}`)
    }
    if (backend.send === undefined) throw new InvalidInputError(`backend: "${connection.backend}" only receives`)
    return this.#identities.recipient(connection)
  }

  #ruled(message: NewOutgoing): readonly NewOutgoing[] {
    const ruled = this.#texts.ruled(message)
    if ('refused' in ruled) throw new InvalidInputError(ruled.refused)
    return this.#texts.messages(message, ruled.texts)
  }

  #defaultBackend(): string {
    for (const [name, { send, copies }] of this.#backends) if (send !== undefined && copies === undefined) return name
    throw new InvalidInputError('backend: no backend of the settings can send')
  }

  async #message(request: SendRequest, connection: Connection, people: Addressees): Promise<NewOutgoing> {
    const contact: Contact | undefined = await people.ofConnection(connection)
    const text = chooseText(request.text, contact?.language ?? null, this.#languages).toWellFormed()
    if (text === '') throw new InvalidInputError('text: a text is expected, not an empty one')
    return {
      id: this.#newId(),
      ...connection,
      address: request.from ?? null,
      text,
      class: checkedClass(request.class ?? 'normal'),
      fields: request.fields ?? {},
      options: request.options ?? {},
      params: request.params ?? {},
      inResponseTo: null,
      parts: 1,
      notBefore: request.at?.getTime() ?? 0,
      expiresAt: request.expires?.getTime() ?? null,
      createdAt: this.#now(),
      phased: false,
      once: false,
      state: 'WAITING',
      reason: null,
      contactId: contact?.id ?? null,
      tag: request.tag ?? null,
      template: null,
      relatedTo: request.relatedTo ?? null,
      extra: request.extra ?? null,
    }
  }
}

/**
 * What is recorded with a class that nobody knows would wait for ever.
 * @throws InvalidInputError naming the classes there are
 */
export function checkedClass(given: MessageClass): MessageClass {
  if (messageClasses.includes(given)) return given
  throw new InvalidInputError(`class: one of ${messageClasses.join(', ')} is expected, not "${given}"`)
}
