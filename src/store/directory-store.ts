import type { Connection } from '../messages/incoming.ts'
import type { Contact } from './contact.ts'

/** A contact with all that belongs to it, as lists and pages show it. */
export interface ListedContact extends Contact {
  /** The one last heard from comes first. */
  readonly connections: readonly Connection[]
  readonly groups: readonly string[]
}

export interface ContactFilter {
  readonly group?: string
  /** A BCP 47 tag, in any case. */
  readonly language?: string
  readonly optedOut?: boolean
  /** Stands in the name, whatever its case and accents. */
  readonly text?: string
  /** Stands in an identity; with `text`, one of both is enough. */
  readonly identity?: string
}

export interface ContactQuery extends ContactFilter {
  readonly limit: number
  /** The id of the last contact of the page before. */
  readonly after?: string
}

export interface GroupQuery {
  readonly limit: number
  /** The name of the last group of the page before. */
  readonly after?: string
}

export interface ListedGroup {
  readonly name: string
  readonly members: number
}

/** What somebody changes who is no app. Each is written as a whole, or refused as a whole. */
export type ContactEdit =
  | {
      readonly kind: 'create'
      readonly contact: Contact
      readonly connections: readonly Connection[]
      readonly groups: readonly string[]
    }
  | {
      readonly kind: 'change'
      readonly id: string
      /** What is not in here stays as it is by then. Who has opted out already keeps the time of it. */
      readonly values: Partial<Pick<Contact, 'name' | 'language' | 'timeZone'>> & { readonly optedOut?: boolean }
    }
  | { readonly kind: 'delete'; readonly id: string; readonly forgetOptOut: boolean }
  | {
      readonly kind: 'link'
      readonly id: string
      readonly connection: Connection
      /** Takes it from whose it is. */
      readonly move: boolean
      readonly forgetOptOut: boolean
    }
  | { readonly kind: 'unlink'; readonly id: string; readonly connection: Connection; readonly forgetOptOut: boolean }
  | {
      readonly kind: 'join' | 'leave'
      readonly group: string
      readonly ids: readonly string[]
      /** Of `join`: only where nobody is in it. */
      readonly isNew?: boolean
    }
  | { readonly kind: 'rename-group'; readonly group: string; readonly to: string; readonly merge: boolean }
  | { readonly kind: 'delete-group'; readonly group: string }

/** Why an edit was not made. */
export type EditRefusal =
  | { readonly why: 'no-contact'; readonly id: string }
  | { readonly why: 'not-linked' }
  | { readonly why: 'taken'; readonly connection: Connection; readonly by: string }
  /** What it would take away carries somebody's opt-out. */
  | { readonly why: 'opted-out'; readonly id: string }
  | { readonly why: 'no-group' }
  | { readonly why: 'group-taken' }

/** How many rows were changed: members of a group, or one; or why nothing was. */
export type EditOutcome = { readonly changed: number } | { readonly refused: EditRefusal }

/** One line of an import, checked. What is null stays as it is; of who is new, it is nothing. */
export interface ImportLine {
  /** Where it stands in its file. */
  readonly line: number
  /** Of the contact, should it be a new one. */
  readonly id: string
  readonly name: string | null
  readonly language: string | null
  readonly timeZone: string | null
  readonly optedOut: boolean | null
  /** At least one: who owns one of them is the person. */
  readonly connections: readonly Connection[]
  /** Joined beside those the person is in. */
  readonly groups: readonly string[]
}

export interface ImportRequest {
  readonly importId: string
  /** How many lines were staged: with fewer of them there, somebody has cleaned up. */
  readonly lines: number
  readonly at: number
  /** Leaves out the lines in conflict; else one of them undoes all. */
  readonly skipConflicts: boolean
  /** Undoes all at the end, to learn what would be done. */
  readonly dryRun: boolean
}

/** The connections of one line belong to several contacts. */
export interface ImportConflict {
  readonly line: number
  readonly contacts: readonly string[]
}

export interface ImportResult {
  readonly created: number
  /** Lines whose person was there, in an earlier line or before. */
  readonly updated: number
  /** The first thousand. */
  readonly conflicts: readonly ImportConflict[]
  readonly conflictCount: number
  readonly applied: boolean
}

export const MOST_CONFLICTS_TOLD = 1_000
/** What was staged and neither applied nor dropped: its process was killed. */
export const STAGED_KEPT_MS = 3_600_000

/** People and groups, as those see and change them who are no apps: programs, pages, the command. */
export interface DirectoryStore {
  find(id: string): Promise<ListedContact | undefined>
  ofConnection(connection: Connection): Promise<ListedContact | undefined>
  /** In the order of their ids, which is that of their making. */
  list(query: ContactQuery): Promise<readonly ListedContact[]>
  /** In the order of their names. */
  groups(query: GroupQuery): Promise<readonly ListedGroup[]>
  edit(edit: ContactEdit, at: number): Promise<EditOutcome>
  /** Keeps lines aside until they are applied; nobody sees anything of them before. */
  stageImport(importId: string, lines: readonly ImportLine[], at: number): Promise<void>
  /** Does all that was staged in one commit, and forgets what was staged. Lines of one person may follow each other. */
  applyImport(request: ImportRequest): Promise<ImportResult>
  /** Forgets what was staged under this id, and what others left behind before `before`. */
  dropImport(importId: string, before: number): Promise<void>
}
