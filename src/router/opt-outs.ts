import type { NewId } from '../messages/ids.ts'
import type { Connection } from '../messages/incoming.ts'
import { isInSession } from '../messages/session.ts'
import type { Change } from '../store/change.ts'
import type { ClaimedOutgoing } from '../store/outgoing-records.ts'
import type { Store } from '../store/store.ts'
import { ProviderError } from './errors.ts'

/** How far an opt-out reaches. */
export interface OptOutSettings {
  /** `person`: over all connections of a contact; `backend`: over the backend that it was sent to alone. */
  readonly per: 'person' | 'backend'
  /** Whether people are marked whom a service refuses because they have told it to stop. */
  readonly fromServices: boolean
}

/** Why a message was cancelled, as it is kept with it. */
export const OPTED_OUT = 'the recipient has opted out'

/** Opt-outs of single backends are documents: they need no contact. */
export const OPT_OUT_SCOPE = 'switchboard:opt-out'
export const optOutKey = ({ backend, identity }: Connection) => JSON.stringify([backend, identity])

interface Parts {
  readonly store: Pick<Store, 'contacts' | 'documents'>
  readonly newId: NewId
  readonly settings: OptOutSettings
}

/** Who wants no messages, as it stands in the store. */
export class OptOuts {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get per(): OptOutSettings['per'] {
    return this.#parts.settings.per
  }

  /** @param byContact whether the contact of the message's connection has opted out, as it is now */
  async stops(message: ClaimedOutgoing, byContact: boolean): Promise<boolean> {
    if (passesOptOut(message)) return false
    if (byContact) return true
    if (this.per === 'person') return this.#isOutElsewhere(message)
    return isOptedOutOf(this.#parts.store.documents, message)
  }

  /** A route may lead a message around the backend over which its person has opted out. */
  async #isOutElsewhere({ route }: ClaimedOutgoing): Promise<boolean> {
    if (route === undefined) return false
    const { contacts } = this.#parts.store
    const found = await Promise.all([...route.left, ...route.next].map((each) => contacts.ofConnection(each)))
    return found.some((contact) => contact !== undefined && contact.optedOutAt !== null)
  }

  /** What has to be recorded with an attempt that failed so: nothing, unless the service says that the person is out. */
  async changesAfter(error: unknown, connection: Connection, now: number): Promise<readonly Change[]> {
    const { fromServices, per } = this.#parts.settings
    if (!fromServices || !(error instanceof ProviderError) || !error.optedOut) return []
    return per === 'person' ? this.#personChanges(connection, now) : this.#backendChanges(connection, now)
  }

  async #personChanges({ backend, identity }: Connection, now: number): Promise<readonly Change[]> {
    const { store, newId } = this.#parts
    const known = await store.contacts.ofConnection({ backend, identity })
    if (known !== undefined && known.optedOutAt !== null) return []
    if (known !== undefined) return [{ kind: 'contact-changed', id: known.id, values: { optedOutAt: now } }]
    const contact = { id: newId(), name: identity, language: null, timeZone: null, optedOutAt: now, createdAt: now }
    return [
      { kind: 'contact-created', contact },
      { kind: 'connection-linked', connection: { backend, identity }, contactId: contact.id },
    ]
  }

  async #backendChanges(connection: Connection, now: number): Promise<readonly Change[]> {
    const key = optOutKey(connection)
    const known = await this.#parts.store.documents.get(OPT_OUT_SCOPE, key)
    if (known?.value !== undefined) return []
    return [{ kind: 'document-put', scope: OPT_OUT_SCOPE, key, value: { at: now }, version: known?.version ?? 0 }]
  }
}

/** Whether somebody wants nothing over this one backend. */
export async function isOptedOutOf(documents: Store['documents'], connection: Connection): Promise<boolean> {
  return (await documents.get(OPT_OUT_SCOPE, optOutKey(connection)))?.value !== undefined
}

/** Confirmations have to reach who has just opted out, and who dials a session asks for its answers. */
export function passesOptOut(message: Pick<ClaimedOutgoing, 'options' | 'fields' | 'inResponseTo'>): boolean {
  return message.options.despiteOptOut === true || (message.inResponseTo !== null && isInSession(message.fields))
}
