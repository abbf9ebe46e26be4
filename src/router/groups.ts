import { InvalidInputError } from '../messages/errors.ts'
import { checkedGroup } from '../messages/person.ts'
import type { ContactEdit, ListedGroup } from '../store/directory-store.ts'
import {
  checkedCursor,
  existingGroup,
  type Page,
  type PageOptions,
  pageLimit,
  pageOf,
  refusalError,
} from './contacts.ts'
import type { DirectoryParts } from './directory-parts.ts'

const MOST_MEMBERS = 1_000

/** Groups of people. A group is there while somebody is in it; its first member makes it. */
export class Groups {
  readonly #parts: Pick<DirectoryParts, 'store' | 'now'>

  constructor(parts: Pick<DirectoryParts, 'store' | 'now'>) {
    this.#parts = parts
  }

  /** By name, with how many people are in each. */
  async list(options: PageOptions = {}): Promise<Page<ListedGroup>> {
    const limit = pageLimit(options.limit)
    const after = options.after === undefined ? {} : { after: checkedCursor(options.after) }
    const found = await this.#parts.store.directory.groups({ ...after, limit: limit + 1 })
    return pageOf(found, limit, ({ name }) => name)
  }

  /**
   * Makes a group of people.
   * @param ids of contacts, from 1 to 1,000; of one that is not there, nothing is made
   * @returns undefined where there is a group of this name, which is left alone
   */
  async create(group: string, ids: readonly string[]): Promise<ListedGroup | undefined> {
    const name = checkedGroup(group)
    if (ids.length === 0)
      throw new InvalidInputError('ids: at least one is expected; a group is there while somebody is in it')
    const edit = { kind: 'join', group: name, ids: checkedIds(ids), isNew: true } as const
    const outcome = await this.#parts.store.directory.edit(edit, this.#parts.now())
    if (!('refused' in outcome)) return { name, members: outcome.changed }
    if (outcome.refused.why === 'group-taken') return undefined
    throw refusalError(outcome.refused)
  }

  /**
   * Adds people to a group.
   * @param ids of contacts, 1,000 at the most; of one that is not there, nobody is added
   * @returns how many were not in it before
   */
  add(group: string, ids: readonly string[]): Promise<number> {
    return this.#edit({ kind: 'join', group: checkedGroup(group), ids: checkedIds(ids) })
  }

  /** @returns how many were in it */
  remove(group: string, ids: readonly string[]): Promise<number> {
    return this.#edit({ kind: 'leave', group: existingGroup(group), ids: checkedIds(ids) })
  }

  /**
   * Gives a group another name.
   * @param options with `merge` its people join those of a group that has the name already
   * @returns how many people were in it
   */
  rename(group: string, to: string, { merge = false }: { readonly merge?: boolean } = {}): Promise<number> {
    return this.#edit({ kind: 'rename-group', group: existingGroup(group), to: checkedGroup(to, 'to'), merge })
  }

  /** The people stay. @returns how many were in it */
  delete(group: string): Promise<number> {
    return this.#edit({ kind: 'delete-group', group: existingGroup(group) })
  }

  async #edit(edit: ContactEdit): Promise<number> {
    const outcome = await this.#parts.store.directory.edit(edit, this.#parts.now())
    if ('refused' in outcome) throw refusalError(outcome.refused)
    return outcome.changed
  }
}

function checkedIds(ids: readonly string[]): readonly string[] {
  if (ids.length > MOST_MEMBERS) {
    throw new InvalidInputError(`ids: at most ${MOST_MEMBERS} are expected at a time, not ${ids.length}`)
  }
  return [...new Set(ids)]
}
