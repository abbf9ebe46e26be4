import { InvalidInputError } from '../messages/errors.ts'
import type { Connection } from '../messages/incoming.ts'
import type { Contact } from '../store/contact.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import type { Backend } from './backend.ts'
import { contactFault, NO_CONNECTION } from './contact-fault.ts'
import type { Identities } from './identities.ts'
import type { OutgoingTexts } from './outgoing-texts.ts'
import type { Addressees } from './pending-people.ts'
import type { QuietHours } from './quiet-hours.ts'
import { NONE_SENDS, type RouteChooser, type RoutedConnection } from './route-chooser.ts'
import { checkedIdentity, checkRequest } from './send-checks.ts'
import type { LeftOut, Recipient, SendRequest } from './send-request.ts'
import { keptOf, type TemplateTexts, type TextFor } from './template-texts.ts'

export type { Recipient, SendRequest, SentMessage } from './send-request.ts'

const MOST_RECIPIENTS = 10_000

const NO_RECIPIENT = 'to: a number, a connection, a contact or a group is expected'
const KEY_OF_AN_APP = 'idempotencyKey: not for what an app sends, which is recorded once, with the message it works on'

/** Messages to record, and who was left out. */
export interface PreparedSend {
  readonly messages: readonly NewOutgoing[]
  readonly leftOut: readonly LeftOut[]
}

/** Turns requests into messages to record. */
export class Sender {
  readonly #backends: ReadonlyMap<string, Backend>
  readonly #store: Store
  readonly #templates: TemplateTexts
  readonly #identities: Identities
  readonly #texts: OutgoingTexts
  readonly #routes: RouteChooser
  readonly #quiet: QuietHours | undefined
  readonly #now: () => number
  readonly #newId: () => string

  constructor(parts: {
    readonly backends: ReadonlyMap<string, Backend>
    readonly store: Store
    readonly templates: TemplateTexts
    readonly identities: Identities
    readonly texts: OutgoingTexts
    readonly routes: RouteChooser
    readonly quiet: QuietHours | undefined
    readonly now: () => number
    readonly newId: () => string
  }) {
    this.#backends = parts.backends
    this.#store = parts.store
    this.#templates = parts.templates
    this.#identities = parts.identities
    this.#texts = parts.texts
    this.#routes = parts.routes
    this.#quiet = parts.quiet
    this.#now = parts.now
    this.#newId = parts.newId
  }

  /**
   * One message per recipient; several where the settings have a text split that is too long.
   * @param people who is known; by default those of the store
   * @throws InvalidInputError naming the field that is wrong
   */
  async prepare(request: SendRequest, people: Addressees = this.#store.contacts): Promise<PreparedSend> {
    checkRequest(request)
    if (request.idempotencyKey !== undefined) throw new InvalidInputError(KEY_OF_AN_APP)
    const recipients = Array.isArray(request.to) ? (request.to as readonly Recipient[]) : [request.to as Recipient]
    const connections = new Map<string, Connection | RoutedConnection>()
    const leftOut: LeftOut[] = []
    refuseTooMany(recipients.length)
    for (const recipient of recipients) {
      for (const found of await this.#connectionsOf(recipient, request, people)) {
        if ('reason' in found) leftOut.push(found)
        else connections.set(JSON.stringify([found.backend, found.identity]), found)
      }
      refuseTooMany(connections.size)
    }
    const whom = [...connections.values()]
    const textFor = await this.#templates.of(request)
    const made = await Promise.all(whom.map((connection) => this.#message(request, connection, people, textFor)))
    const written = made.flatMap((message) => ('id' in message ? this.#ruled(message) : []))
    const { messages, leftOut: repeated } = await this.#templates.unrepeated(written)
    const refused = made.flatMap((message) => ('id' in message ? [] : message))
    return { messages, leftOut: [...leftOut, ...refused, ...repeated] }
  }

  async #connectionsOf(
    recipient: Recipient,
    request: SendRequest,
    people: Addressees,
  ): Promise<readonly (Connection | RoutedConnection | LeftOut)[]> {
    if (typeof recipient === 'string') return [await this.#routed(recipient, request)]
    if (typeof recipient !== 'object' || recipient === null) throw new InvalidInputError(NO_RECIPIENT)
    if ('identity' in recipient) return [this.#checked(recipient)]
    if ('contact' in recipient) {
      const found = await this.#connectionOf(String(recipient.contact), people)
      if ('reason' in found) throw await contactFault(String(recipient.contact), people)
      return [found]
    }
    if (!('group' in recipient)) throw new InvalidInputError(NO_RECIPIENT)
    const members = await people.membersOf(String(recipient.group))
    return Promise.all(members.map((contact) => this.#connectionOf(contact, people)))
  }

  /** Of a number: the backend that is named goes first, then the routing, then the default. */
  async #routed(identity: string, request: SendRequest): Promise<Connection | RoutedConnection> {
    if (request.backend !== undefined) return this.#checked({ backend: request.backend, identity })
    const routed = await this.#routes.route(request, checkedIdentity(identity))
    if (routed !== undefined) return routed
    const backend = this.#routes.default
    if (backend === undefined) throw new InvalidInputError(NONE_SENDS)
    return this.#checked({ backend, identity })
  }

  async #connectionOf(contact: string, people: Addressees): Promise<Connection | LeftOut> {
    const connections = await people.connectionsOf(contact)
    const usable = connections.find(({ backend }) => this.#backends.get(backend)?.send !== undefined)
    return usable ?? { contact, reason: NO_CONNECTION }
  }

  #checked(given: Connection): Connection {
    const connection = { backend: given.backend, identity: checkedIdentity(given.identity) }
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

  async #message(
    request: SendRequest,
    to: Connection | RoutedConnection,
    people: Addressees,
    textFor: TextFor,
  ): Promise<NewOutgoing | LeftOut> {
    const { backend, identity } = to
    const routed = 'routed' in to ? to.routed : undefined
    const options = { ...routed?.options, ...request.options }
    const contact: Contact | undefined = await people.ofConnection({ backend, identity })
    const written = await textFor({ backend, identity }, contact ?? null)
    if ('reason' in written) return written
    const id = this.#newId()
    const messageClass = request.class ?? 'normal'
    const expiresAt = request.expires?.getTime() ?? null
    const candidate = { class: messageClass, options, inResponseTo: null }
    const putOff = this.#quiet?.putOff(Math.max(request.at?.getTime() ?? 0, this.#now()), expiresAt, {
      ...candidate,
      timeZone: contact?.timeZone ?? null,
    })
    return {
      id,
      backend,
      identity,
      address: routed?.address ?? request.from ?? null,
      class: messageClass,
      fields: request.fields ?? {},
      options,
      params: request.params ?? {},
      inResponseTo: null,
      parts: 1,
      notBefore: putOff?.at ?? request.at?.getTime() ?? 0,
      expiresAt,
      createdAt: this.#now(),
      phased: false,
      once: false,
      state: 'WAITING',
      reason: putOff?.reason ?? null,
      contactId: contact?.id ?? null,
      tag: request.tag ?? null,
      relatedTo: request.relatedTo ?? null,
      extra: request.extra ?? null,
      ...keptOf(written, id),
      ...(routed === undefined ? {} : { route: routed.route }),
    }
  }
}

function refuseTooMany(count: number): void {
  if (count <= MOST_RECIPIENTS) return
  throw new InvalidInputError(`to: at most ${MOST_RECIPIENTS} recipients in one call, not ${count}`)
}
