import type { ImportConflict, ImportLine, ImportRequest, ImportResult } from './directory-store.ts'
import { MOST_CONFLICTS_TOLD } from './directory-store.ts'
import { StoreUnavailableError } from './errors.ts'

/** Whose a line is: a new contact, one that is there, or several, which is a conflict. */
export type ImportTarget =
  | { readonly kind: 'new'; readonly id: string }
  | { readonly kind: 'known'; readonly id: string }
  | { readonly kind: 'conflict'; readonly contacts: readonly string[] }

/** @param owners the contacts that own a connection of the line */
export function targetOf(line: ImportLine, owners: Iterable<string>): ImportTarget {
  const [first, ...others] = [...new Set(owners)].sort()
  if (first === undefined) return { kind: 'new', id: line.id }
  return others.length === 0 ? { kind: 'known', id: first } : { kind: 'conflict', contacts: [first, ...others] }
}

/** Counts what an import does. */
export class ImportTally {
  created = 0
  updated = 0
  #lines = 0
  #conflictCount = 0
  readonly #conflicts: ImportConflict[] = []

  count({ line }: ImportLine, target: ImportTarget): void {
    this.#lines++
    if (target.kind === 'new') this.created++
    else if (target.kind === 'known') this.updated++
    else {
      this.#conflictCount++
      if (this.#conflicts.length < MOST_CONFLICTS_TOLD) this.#conflicts.push({ line, contacts: target.contacts })
    }
  }

  /** @throws StoreUnavailableError when lines are missing that had been staged */
  result({ lines, skipConflicts, dryRun }: ImportRequest): ImportResult {
    if (this.#lines !== lines) {
      throw new StoreUnavailableError('The import took too long: what was staged of it is gone. Nothing was written.')
    }
    return {
      created: this.created,
      updated: this.updated,
      conflicts: this.#conflicts,
      conflictCount: this.#conflictCount,
      applied: !dryRun && (skipConflicts || this.#conflictCount === 0),
    }
  }
}
