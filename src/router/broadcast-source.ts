import { errorText, InvalidInputError } from '../messages/errors.ts'
import type { Connection, Fields } from '../messages/incoming.ts'
import type { BroadcastFault, NewRecipient } from '../store/broadcast-store.ts'
import type { ContactFilter } from '../store/directory-store.ts'
import type { Store } from '../store/store.ts'
import type { Backend } from './backend.ts'
import { type BroadcastRecipients, type BroadcastTo, checkParams } from './broadcast-request.ts'
import { contactFault } from './contact-fault.ts'
import type { Identities } from './identities.ts'
import { checkedIdentity } from './send-checks.ts'
import { isStoreFault } from './store-fault.ts'

export interface BroadcastSourceParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly store: Pick<Store, 'contacts' | 'directory'>
  readonly identities: Identities
  /** Where numbers go whose sender names no backend; undefined where none can send. */
  readonly defaultBackend: () => string | undefined
  /** The backend of a number is chosen when its message is made. */
  readonly isRouted: () => boolean
}

/** One recipient as it was given, and where it stands. */
export interface GivenRecipient {
  readonly position: number
  readonly to: unknown
}

export type ResolvedRecipient = { readonly recipient: NewRecipient } | { readonly fault: BroadcastFault }

const PAGE = 500
const NO_RECIPIENT = 'to: a number, a connection, a contact or a group is expected'
/** Characters of what is kept of a fault. */
export const LONGEST_ERROR = 300
/** Fewer digits may be a short code. */
const SHORTEST_NUMBER = 7
/** E.164. */
const MOST_DIGITS = 15

/** Reads whom a broadcast goes to, one after another, and makes recipients of them. */
export class BroadcastSource {
  readonly #parts: BroadcastSourceParts

  constructor(parts: BroadcastSourceParts) {
    this.#parts = parts
  }

  /** @throws InvalidInputError when these are no recipients at all */
  read(recipients: BroadcastRecipients): Iterator<BroadcastTo> | AsyncIterator<BroadcastTo> {
    if (typeof recipients === 'object' && recipients !== null) {
      if (Symbol.asyncIterator in recipients) return recipients[Symbol.asyncIterator]()
      if (Symbol.iterator in recipients) return recipients[Symbol.iterator]()
      if ('group' in recipients && typeof recipients.group === 'string')
        return this.members({ group: recipients.group })
      if ('contacts' in recipients && typeof recipients.contacts === 'object') return this.members(recipients.contacts)
    }
    throw new InvalidInputError('to: what can be iterated over, a group or a query over contacts is expected')
  }

  /** @throws InvalidInputError when numbers cannot go over this backend, or over any */
  checkBackend(backend: string | undefined): void {
    const name = backend ?? this.#parts.defaultBackend()
    if (name === undefined) throw new InvalidInputError('backend: no backend of the settings can send')
    this.#backend(name)
  }

  /** The people that a filter finds, each by the connection last heard from that can be sent to. */
  async *members(filter: ContactFilter): AsyncGenerator<BroadcastTo> {
    let after: string | undefined
    for (;;) {
      const page = await this.#parts.store.directory.list({
        ...filter,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      })
      for (const { id, connections } of page) yield this.#usable(connections) ?? { contact: id }
      after = page.at(-1)?.id
      if (page.length < PAGE || after === undefined) return
    }
  }

  /** Makes a recipient of what was given, or says what is wrong with it. */
  async resolved({ position, to }: GivenRecipient, backend: string | undefined): Promise<ResolvedRecipient> {
    const fault = faultIn(to)
    if (fault !== undefined) return { fault: { position, error: fault.slice(0, LONGEST_ERROR) } }
    try {
      return { recipient: { position, ...(await this.#resolve(to, backend)) } }
    } catch (error) {
      if (isStoreFault(error)) throw error
      return { fault: { position, error: errorText(error).slice(0, LONGEST_ERROR) } }
    }
  }

  async #resolve(given: unknown, backend: string | undefined): Promise<Omit<NewRecipient, 'position'>> {
    const { to, params } = withParams(given)
    if (typeof to === 'string') return { ...this.#number(to, backend), params }
    if (typeof to !== 'object' || to === null) throw new InvalidInputError(NO_RECIPIENT)
    if ('identity' in to && 'backend' in to) {
      return { ...this.#checked({ backend: String(to.backend), identity: checkedIdentity(to.identity) }), params }
    }
    if (!('contact' in to)) throw new InvalidInputError(NO_RECIPIENT)
    const contact = String(to.contact)
    const usable = this.#usable(await this.#parts.store.contacts.connectionsOf(contact))
    if (usable === undefined) throw await contactFault(contact, this.#parts.store.contacts)
    return { ...usable, params }
  }

  #number(given: string, backend: string | undefined): Connection {
    const chosen = backend ?? this.#parts.defaultBackend()
    if (chosen === undefined) throw new InvalidInputError('backend: no backend of the settings can send')
    const connection = this.#checked({ backend: chosen, identity: checkedIdentity(given) })
    return backend === undefined && this.#parts.isRouted() ? { ...connection, backend: '' } : connection
  }

  #checked(connection: Connection): Connection {
    const { common } = this.#backend(connection.backend)
    if (common.numbers !== false && !/\p{Nd}/u.test(connection.identity))
      throw new InvalidInputError('to: a number is expected, and there is no digit in it')
    const recipient = this.#parts.identities.recipient(connection)
    if (common.numbers !== false) this.#checkNumber(recipient)
    return recipient
  }

  /** Short codes and whatever else is no whole number are left to the service; a number has to be one that there can be. */
  #checkNumber(recipient: Connection): void {
    const { identities } = this.#parts
    const digits = recipient.identity.replace(/\D/g, '').length
    const region = identities.regionOf(recipient.backend)
    const isWrong = region !== undefined && digits >= SHORTEST_NUMBER && identities.isUnknownNumber(recipient)
    if (isWrong || digits > MOST_DIGITS) {
      const where = region === undefined ? '' : ` in ${region}`
      throw new InvalidInputError(
        `to: "${recipient.identity}" is no number that is known${where}; write it with its country`,
      )
    }
  }

  #backend(name: string): Backend {
    const backend = this.#parts.backends.get(name)
    if (backend === undefined) {
      const known = [...this.#parts.backends.keys()].join(', ')
      throw new InvalidInputError(`backend: there is no backend "${name}"; there are ${known}`)
    }
    if (backend.send === undefined) throw new InvalidInputError(`backend: "${name}" only receives`)
    return backend
  }

  #usable(connections: readonly Connection[]): Connection | undefined {
    return connections.find(({ backend }) => this.#parts.backends.get(backend)?.send !== undefined)
  }
}

function faultIn(given: unknown): string | undefined {
  if (typeof given !== 'object' || given === null || !('fault' in given)) return undefined
  return typeof given.fault === 'string' ? given.fault : NO_RECIPIENT
}

function withParams(given: unknown): { readonly to: unknown; readonly params: Fields | null } {
  if (typeof given !== 'object' || given === null || !('to' in given)) return { to: given, params: null }
  const params: unknown = 'params' in given ? given.params : undefined
  return { to: given.to, params: params === undefined || params === null ? null : checkParams(params) }
}
