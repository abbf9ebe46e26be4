import type { Connection } from '../messages/incoming.ts'
import type { Change } from '../store/change.ts'
import type { Contact } from '../store/contact.ts'
import type { ContactStore } from '../store/store.ts'

/** Whom a message can be addressed to. */
export type Addressees = Pick<ContactStore, 'find' | 'ofConnection' | 'connectionsOf' | 'membersOf'>

/** People as they will be once the changes are committed. */
export class PendingPeople implements Addressees {
  readonly #contacts: ContactStore
  readonly #changes: readonly Change[]
  readonly #find: (connection: Connection) => Promise<Contact | null>

  /** @param find the contact of a connection, with the changes */
  constructor(
    contacts: ContactStore,
    changes: readonly Change[],
    find: (connection: Connection) => Promise<Contact | null>,
  ) {
    this.#contacts = contacts
    this.#changes = changes
    this.#find = find
  }

  async find(id: string): Promise<Contact | undefined> {
    for (const change of this.#changes)
      if (change.kind === 'contact-created' && change.contact.id === id) return change.contact
    return this.#contacts.find(id)
  }

  async ofConnection(connection: Connection): Promise<Contact | undefined> {
    return (await this.#find(connection)) ?? undefined
  }

  async connectionsOf(contactId: string): Promise<readonly Connection[]> {
    let connections = await this.#contacts.connectionsOf(contactId)
    for (const change of this.#changes) {
      if (change.kind !== 'connection-linked') continue
      const { backend, identity } = change.connection
      connections = connections.filter((each) => each.backend !== backend || each.identity !== identity)
      if (change.contactId === contactId) connections = [...connections, change.connection]
    }
    return connections
  }

  async membersOf(group: string): Promise<readonly string[]> {
    const members = new Set(await this.#contacts.membersOf(group))
    for (const change of this.#changes) {
      if (change.kind === 'group-joined' && change.group === group) members.add(change.contactId)
      if (change.kind === 'group-left' && change.group === group) members.delete(change.contactId)
    }
    return [...members].sort()
  }
}
