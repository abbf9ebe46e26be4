import { InvalidInputError } from '../messages/errors.ts'
import type { Connection } from '../messages/incoming.ts'
import { checkedGroup, checkedLanguage, checkedName, checkedTimeZone } from '../messages/person.ts'
import type { ContactEdit, ContactFilter, EditRefusal, ListedContact } from '../store/directory-store.ts'
import { StoreUnavailableError } from '../store/errors.ts'
import { type ExportOptions, exportContacts } from './contact-export.ts'
import { type ContactImportOptions, type ContactImportReport, importContacts } from './contact-import.ts'
import { checkedConnection, type DirectoryParts } from './directory-parts.ts'

/** What is known of a person. */
export interface PersonValues {
  readonly name?: string
  /** A BCP 47 tag; null for not known. */
  readonly language?: string | null
  /** An IANA name; null for not known. */
  readonly timeZone?: string | null
  /** Who has opted out already keeps the time of it. */
  readonly optedOut?: boolean
}

export interface NewPerson extends PersonValues {
  readonly name: string
  readonly connections?: readonly Connection[]
  readonly groups?: readonly string[]
}

/** Which people to list. */
export interface PeopleFilter {
  readonly group?: string
  readonly language?: string
  readonly optedOut?: boolean
  /** Stands in the name, whatever its case and accents, or in a number, in whatever form that is written. */
  readonly text?: string
}

export interface PageOptions {
  /** At the most this many; 100 unless given, 1,000 at the most. */
  readonly limit?: number
  /** The `next` of the page before. */
  readonly after?: string
}

/** One page of a list; without `next` it is the last. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next?: string
}

export interface ForgetOptions {
  /** What is taken away may carry somebody's opt-out. */
  readonly forgetOptOut?: boolean
}

const PAGE = 100
const LONGEST_PAGE = 1_000
const MOST_CONNECTIONS = 20
const MOST_GROUPS = 100
const LONGEST_SEARCH = 200

/**
 * People, for programs and pages: what is done here is committed when the promise resolves, and leaves alone what an
 * app changes at the same time. Unknown ids, texts that are not in order, connections of others: `InvalidInputError`,
 * naming what is wrong; nothing is changed then.
 */
export class Contacts {
  readonly #parts: DirectoryParts

  constructor(parts: DirectoryParts) {
    this.#parts = parts
  }

  async find(id: string): Promise<ListedContact | null> {
    return (await this.#parts.store.directory.find(id)) ?? null
  }

  /** Whose a connection is; a number may be given in any form. */
  async ofConnection(connection: Connection): Promise<ListedContact | null> {
    return (await this.#parts.store.directory.ofConnection(this.#connection(connection))) ?? null
  }

  /** People in the order in which they were made. */
  async list(filter: PeopleFilter = {}, options: PageOptions = {}): Promise<Page<ListedContact>> {
    const limit = pageLimit(options.limit)
    const after = options.after === undefined ? {} : { after: checkedCursor(options.after) }
    const found = await this.#parts.store.directory.list({ ...this.#filter(filter), ...after, limit: limit + 1 })
    return pageOf(found, limit, ({ id }) => id)
  }

  async create(person: NewPerson): Promise<ListedContact> {
    const { newId, now } = this.#parts
    const at = now()
    const { name, language, timeZone, optedOut } = checkedValues(person)
    const contact = {
      id: newId(),
      name: name ?? checkedName(undefined),
      language: language ?? null,
      timeZone: timeZone ?? null,
      optedOutAt: optedOut === true ? at : null,
      createdAt: at,
    }
    const connections = bounded(person.connections ?? [], 'connections', MOST_CONNECTIONS).map((each) => {
      return this.#connection(each)
    })
    const groups = bounded(person.groups ?? [], 'groups', MOST_GROUPS).map((group) => checkedGroup(group, 'groups'))
    await this.#edit({ kind: 'create', contact, connections: distinct(connections), groups: [...new Set(groups)] }, at)
    return this.#there(contact.id)
  }

  /** Changes what is given, and nothing else. */
  async change(id: string, values: PersonValues): Promise<ListedContact> {
    await this.#edit({ kind: 'change', id, values: checkedValues(values) })
    return this.#there(id)
  }

  /**
   * Forgets a person. Messages stay, and so do the connections, as nobody's.
   * @throws InvalidInputError also for who has opted out, unless told to forget that
   */
  async delete(id: string, { forgetOptOut = false }: ForgetOptions = {}): Promise<void> {
    await this.#edit({ kind: 'delete', id, forgetOptOut })
  }

  /** @param options with `move` the connection is taken from whose it is */
  async link(
    id: string,
    connection: Connection,
    { move = false, forgetOptOut = false }: ForgetOptions & { readonly move?: boolean } = {},
  ): Promise<ListedContact> {
    await this.#edit({ kind: 'link', id, connection: this.#connection(connection), move, forgetOptOut })
    return this.#there(id)
  }

  async unlink(
    id: string,
    connection: Connection,
    { forgetOptOut = false }: ForgetOptions = {},
  ): Promise<ListedContact> {
    await this.#edit({ kind: 'unlink', id, connection: this.#connection(connection), forgetOptOut })
    return this.#there(id)
  }

  /**
   * Takes people from CSV: those who own one of the line's connections are updated, others made. All of it in one
   * commit, or nothing.
   * @throws InvalidInputError when the file as a whole cannot be read; faults of lines are in the report
   */
  import(bytes: AsyncIterable<Uint8Array>, options: ContactImportOptions = {}): Promise<ContactImportReport> {
    return importContacts(this.#parts, bytes, options)
  }

  /** All people, or those of a filter, as the text of a CSV file that can be imported again. */
  export(filter: PeopleFilter = {}, options: ExportOptions = {}): AsyncIterable<string> {
    return exportContacts(this.#parts, this.#filter(filter), options)
  }

  async #edit(edit: ContactEdit, at = this.#parts.now()): Promise<void> {
    const outcome = await this.#parts.store.directory.edit(edit, at)
    if ('refused' in outcome) throw refusalError(outcome.refused)
  }

  /** After a change. */
  async #there(id: string): Promise<ListedContact> {
    const contact = await this.#parts.store.directory.find(id).catch((error: unknown) => {
      if (error instanceof StoreUnavailableError) throw new StoreUnavailableError(error.message, { cause: error })
      throw error
    })
    if (contact === undefined) throw refusalError({ why: 'no-contact', id })
    return contact
  }

  #connection({ backend, identity }: Connection): Connection {
    return checkedConnection(this.#parts, { backend, identity })
  }

  #filter({ group, language, optedOut, text }: PeopleFilter): ContactFilter {
    const digits = text === undefined ? '' : partOfNumber(text)
    return {
      ...(group === undefined ? {} : { group: existingGroup(group) }),
      ...(language === undefined ? {} : { language: checkedLanguage(language) }),
      ...(optedOut === undefined ? {} : { optedOut }),
      ...(text === undefined ? {} : { text: checkedSearch(text), identity: digits === '' ? text.trim() : digits }),
    }
  }
}

/** @throws InvalidInputError saying why an edit was not made */
export function refusalError(refusal: EditRefusal): InvalidInputError {
  switch (refusal.why) {
    case 'no-contact':
      return new InvalidInputError(`id: there is no contact ${refusal.id}`)
    case 'not-linked':
      return new InvalidInputError('connection: it does not belong to this contact')
    case 'taken': {
      const { backend, identity } = refusal.connection
      return new InvalidInputError(`connection: ${identity} over ${backend} belongs to the contact ${refusal.by}`)
    }
    case 'opted-out':
      return new InvalidInputError(
        `forgetOptOut: the contact ${refusal.id} has opted out, which this would forget; say so to do it`,
      )
    case 'no-group':
      return new InvalidInputError('group: there is no such group')
    case 'group-taken':
      return new InvalidInputError('to: there is a group of this name; say "merge" to join both')
  }
}

export function pageLimit(limit = PAGE): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= LONGEST_PAGE) return limit
  throw new InvalidInputError(`limit: a whole number from 1 to ${LONGEST_PAGE} is expected`)
}

/** One more was asked for than is given: it tells whether there is a next page. */
export function pageOf<Item>(found: readonly Item[], limit: number, cursorOf: (item: Item) => string): Page<Item> {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return found.length > limit && last !== undefined ? { items, next: cursorOf(last) } : { items }
}

export function checkedCursor(after: string): string {
  if (typeof after === 'string' && after.length <= LONGEST_SEARCH) return after
  throw new InvalidInputError('after: the next of the page before is expected')
}

/** A group that is there may have a name that none gets any more. */
export function existingGroup(name: string): string {
  if (typeof name === 'string' && name !== '') return name
  throw new InvalidInputError('group: the name of a group is expected')
}

function checkedValues(given: PersonValues) {
  const { name, language, timeZone, optedOut } = given
  if (optedOut !== undefined && typeof optedOut !== 'boolean') {
    throw new InvalidInputError('optedOut: true or false is expected')
  }
  return {
    ...(name === undefined ? {} : { name: checkedName(name) }),
    ...(language === undefined ? {} : { language: language === null ? null : checkedLanguage(language) }),
    ...(timeZone === undefined ? {} : { timeZone: timeZone === null ? null : checkedTimeZone(timeZone) }),
    ...(optedOut === undefined ? {} : { optedOut }),
  }
}

function checkedSearch(text: string): string {
  if (typeof text === 'string' && text.trim() !== '' && text.length <= LONGEST_SEARCH) return text.trim()
  throw new InvalidInputError(`text: 1 to ${LONGEST_SEARCH} characters are expected`)
}

/** Of `0712 345`, what stands in `+254712345678` as well. */
function partOfNumber(text: string): string {
  return /^[+\d\s().-]{3,}$/.test(text) ? text.replace(/\D/g, '').replace(/^0+/, '') : ''
}

function bounded<T>(items: readonly T[], field: string, most: number): readonly T[] {
  if (items.length > most) throw new InvalidInputError(`${field}: at most ${most} are expected, not ${items.length}`)
  return items
}

function distinct(connections: readonly Connection[]): readonly Connection[] {
  const byKey = new Map(connections.map((each) => [`${each.backend}\n${each.identity}`, each]))
  return [...byKey.values()]
}
