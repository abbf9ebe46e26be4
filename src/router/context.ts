import type { Connection } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import type { Change } from '../store/change.ts'
import type { Contact } from '../store/contact.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import { NotRunningError } from './errors.ts'
import { OPT_OUT_SCOPE, type OptOutSettings, optOutKey } from './opt-outs.ts'
import { type Addressees, PendingPeople } from './pending-people.ts'
import type { SendRequest, SentMessage } from './send.ts'

export type ContactValues = Partial<Pick<Contact, 'name' | 'language' | 'timeZone' | 'optedOutAt'>>

/**
 * What an app may use while it works on a message. What is changed through it is read back at once, and committed
 * together with the message's result: when the phases fail, nothing of it has happened.
 */
export interface AppContext {
  readonly logger: Logger
  /** The contact who owns the message's connection. */
  readonly contact: Contact | null
  readonly contacts: {
    find(whom: string | Connection): Promise<Contact | null>
    /** Makes a contact; the message's connection becomes its first unless another is given. */
    create(values: ContactValues & { readonly name: string }, connection?: Connection): Promise<Contact>
    update(id: string, values: ContactValues): Promise<void>
  }
  readonly groups: {
    /** Adds the message's contact, or another. */
    add(group: string, contactId?: string): Promise<void>
    remove(group: string, contactId?: string): Promise<void>
    /** The groups of the message's contact, or of another. */
    of(contactId?: string): Promise<readonly string[]>
  }
  /** JSON documents with a version each; a change that somebody else made meanwhile runs the phases again. */
  readonly documents: {
    get(scope: string, key: string): Promise<unknown>
    /** `undefined` removes the document. */
    put(scope: string, key: string, value: unknown): Promise<void>
  }
  /** Whether the person who wrote wants no messages; over which connections is a setting (`optOut.per`). */
  readonly optOut: {
    get(): Promise<boolean>
    /** Where it is a person's, one who has no contact gets one. */
    set(optedOut: boolean): Promise<void>
  }
  /** Sends another message, to whomever; recorded with the result. */
  send(request: SendRequest): Promise<readonly SentMessage[]>
  /**
   * Does something outside once for this message, however often its phases run: the result is kept and given again.
   * A crash between the effect and its record repeats it.
   */
  once<T>(key: string, effect: () => Promise<T>): Promise<T>
}

export interface ContextParts {
  readonly store: Store
  readonly logger: Logger
  readonly messageId: string
  readonly connection: Connection
  readonly contact: Contact | null
  readonly now: () => number
  readonly newId: () => string
  readonly optOutPer: OptOutSettings['per']
  /** A connection as it is recorded. */
  readonly canonical: (connection: Connection) => Connection
  /** Turns a request into messages to record. */
  readonly prepareSend: (request: SendRequest, people: Addressees) => Promise<readonly NewOutgoing[]>
}

/** Gathers what the apps do to one message, until it is committed; apps see it as their `AppContext`. */
export class MessageContext implements AppContext {
  readonly changes: Change[] = []
  readonly outgoing: NewOutgoing[] = []
  readonly #parts: ContextParts
  readonly #documents = new Map<string, { version: number; value: unknown }>()
  #contact: Contact | null
  #sealed = false

  constructor(parts: ContextParts) {
    this.#parts = parts
    this.#contact = parts.contact
  }

  /** The phases are over: what a call that was given up still does has no effect any more. */
  seal(): void {
    this.#sealed = true
  }

  // Getters, so that a message costs only what its apps use, and so that apps may take a part out by its name.

  get logger(): Logger {
    return this.#parts.logger
  }

  get contact(): Contact | null {
    return this.#contact
  }

  get contacts(): AppContext['contacts'] {
    return {
      find: (whom) => this.#findContact(whom),
      create: (values, connection) => this.#createContact(values, connection),
      update: (id, values) => this.#updateContact(id, values),
    }
  }

  get groups(): AppContext['groups'] {
    return {
      add: (group, contactId) => this.#changeGroup('group-joined', group, contactId),
      remove: (group, contactId) => this.#changeGroup('group-left', group, contactId),
      of: (contactId) => this.#groupsOf(contactId),
    }
  }

  get documents(): AppContext['documents'] {
    return {
      get: async (scope, key) => structuredClone((await this.#document(scope, key)).value),
      put: (scope, key, value) => this.#putDocument(scope, key, value),
    }
  }

  get optOut(): AppContext['optOut'] {
    return {
      get: () => this.#isOptedOut(),
      set: (optedOut) => this.#setOptedOut(optedOut),
    }
  }

  get send(): AppContext['send'] {
    return (request) => this.#send(request)
  }

  get once(): AppContext['once'] {
    return (key, effect) => this.#once(key, effect)
  }

  #change(change: Change): void {
    if (this.#sealed) throw new NotRunningError('The message is finished: its context takes no more changes.')
    this.changes.push(change)
  }

  async #findContact(given: string | Connection): Promise<Contact | null> {
    const { store, connection, canonical } = this.#parts
    if (typeof given === 'string') {
      const stored = given === this.#contact?.id ? this.#contact : await store.contacts.find(given)
      return this.#overlaid(given, stored ?? null)
    }
    const whom = canonical(given)
    const isOwn = whom.backend === connection.backend && whom.identity === connection.identity
    if (isOwn) return this.#contact
    const linked = this.changes.findLast(
      (change) =>
        change.kind === 'connection-linked' &&
        change.connection.backend === whom.backend &&
        change.connection.identity === whom.identity,
    )
    if (linked?.kind === 'connection-linked') return this.#findContact(linked.contactId)
    const stored = await store.contacts.ofConnection(whom)
    return stored === undefined ? null : this.#overlaid(stored.id, stored)
  }

  #overlaid(id: string, stored: Contact | null): Contact | null {
    let contact = stored
    for (const change of this.changes) {
      if (change.kind === 'contact-created' && change.contact.id === id) contact = change.contact
      if (change.kind === 'contact-changed' && change.id === id && contact !== null) {
        contact = { ...contact, ...change.values }
      }
    }
    return contact
  }

  async #createContact(values: ContactValues & { readonly name: string }, connection?: Connection): Promise<Contact> {
    const { newId, now } = this.#parts
    const contact: Contact = {
      id: newId(),
      name: values.name,
      language: values.language ?? null,
      timeZone: values.timeZone ?? null,
      optedOutAt: values.optedOutAt ?? null,
      createdAt: now(),
    }
    this.#change({ kind: 'contact-created', contact })
    const own = connection === undefined ? this.#parts.connection : this.#parts.canonical(connection)
    const from = connection === undefined ? { from: this.#contact?.id ?? null } : {}
    this.#change({ kind: 'connection-linked', connection: own, contactId: contact.id, ...from })
    if (connection === undefined) this.#contact = contact
    return contact
  }

  async #updateContact(id: string, values: ContactValues): Promise<void> {
    const required = this.#contact?.id === id
    this.#change({ kind: 'contact-changed', id, values, ...(required ? { required } : {}) })
    if (this.#contact?.id === id) this.#contact = { ...this.#contact, ...values }
  }

  async #changeGroup(kind: 'group-joined' | 'group-left', group: string, contactId?: string): Promise<void> {
    const id = contactId ?? this.#contact?.id
    if (id === undefined)
      throw new TypeError(`No contact owns this connection: make one before using the group "${group}".`)
    this.#change({ kind, group, contactId: id })
  }

  async #groupsOf(contactId?: string): Promise<readonly string[]> {
    const id = contactId ?? this.#contact?.id
    if (id === undefined) return []
    const groups = new Set(await this.#parts.store.contacts.groupsOf(id))
    for (const change of this.changes) {
      if (change.kind === 'group-joined' && change.contactId === id) groups.add(change.group)
      if (change.kind === 'group-left' && change.contactId === id) groups.delete(change.group)
    }
    return [...groups].sort()
  }

  async #document(scope: string, key: string) {
    const name = JSON.stringify([scope, key])
    const known = this.#documents.get(name)
    if (known !== undefined) return known
    const stored = await this.#parts.store.documents.get(scope, key)
    const document = { version: stored?.version ?? 0, value: stored?.value }
    this.#documents.set(name, document)
    return document
  }

  async #putDocument(scope: string, key: string, value: unknown): Promise<void> {
    const document = await this.#document(scope, key)
    const kept = value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown)
    document.value = kept
    const earlier = this.changes.findIndex(
      (change) => change.kind === 'document-put' && change.scope === scope && change.key === key,
    )
    if (earlier >= 0) this.changes.splice(earlier, 1)
    this.#change({ kind: 'document-put', scope, key, value: kept, version: document.version })
  }

  async #isOptedOut(): Promise<boolean> {
    const { optOutPer, connection } = this.#parts
    if ((this.#contact?.optedOutAt ?? null) !== null) return true
    if (optOutPer === 'person') return false
    return (await this.#document(OPT_OUT_SCOPE, optOutKey(connection))).value !== undefined
  }

  async #setOptedOut(optedOut: boolean): Promise<void> {
    const { optOutPer, connection, now } = this.#parts
    const isPersons = optOutPer === 'person'
    const at = now()
    if (!isPersons) await this.#putDocument(OPT_OUT_SCOPE, optOutKey(connection), optedOut ? { at } : undefined)
    if (this.#contact === null) {
      if (optedOut && isPersons) await this.#createContact({ name: connection.identity, optedOutAt: at })
    } else if (!optedOut || isPersons) {
      // Taken back as a whole, whoever has set it.
      await this.#updateContact(this.#contact.id, { optedOutAt: optedOut ? at : null })
    }
  }

  async #send(request: SendRequest): Promise<readonly SentMessage[]> {
    const people = new PendingPeople(this.#parts.store.contacts, this.changes, (whom) => this.#findContact(whom))
    const prepared = await this.#parts.prepareSend(request, people)
    if (this.#sealed) throw new NotRunningError('The message is finished: nothing more can be sent from it.')
    this.outgoing.push(...prepared)
    return prepared.map(({ id, backend, identity }) => ({ id, backend, identity }))
  }

  async #once<T>(key: string, effect: () => Promise<T>): Promise<T> {
    const { store, messageId, now } = this.#parts
    const done = await store.effects.get(messageId, key)
    if (done !== undefined) return done.result as T
    const result = await effect()
    await store.effects.put(messageId, key, result, now())
    return result
  }
}
