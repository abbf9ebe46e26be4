import type { TextCoding } from '../messages/coding.ts'
import type { Connection, Fields } from '../messages/incoming.ts'

/** A part of a long message, as it came. */
export interface NewPart extends Connection {
  /** The id of the group of parts, should this one begin it. */
  readonly groupId: string
  readonly address: string | null
  /** Equal in all parts of one message; services use it again for later ones. */
  readonly reference: string
  readonly total: number
  /** From 1. */
  readonly number: number
  /** What it says; null where there are bytes. */
  readonly text: string | null
  /** The bytes it says, in hexadecimal digits. */
  readonly hex: string | null
  readonly coding: TextCoding | null
  /** Equal when two parts say the same. */
  readonly digest: string
  readonly fields: Fields
  readonly externalId: string | null
  readonly receivedAt: number
  /** When its group is handed on as it is, should this one begin it. */
  readonly dueAt: number
}

export interface StoredPart extends Pick<NewPart, 'number' | 'text' | 'hex' | 'coding' | 'fields' | 'externalId'> {}

/** The parts of one message that are there, by their numbers. */
export interface PartGroup extends Connection {
  readonly id: string
  readonly address: string | null
  readonly total: number
  readonly parts: readonly StoredPart[]
}

export interface AddedPart {
  /** It was there before. */
  readonly duplicate: boolean
  /** The message that its group was handed on as. */
  readonly messageId: string | null
  /** All parts, when all are there and nobody has handed them on. */
  readonly complete: PartGroup | null
}

/**
 * Parts of long messages until all of them are there. A part is a repeat when its group has its number already with the
 * same external id or, while the group waits or one of the two has no external id, the same digest. Another part of the
 * same number begins a new group, and the old one is due at once.
 */
export interface PartStore {
  /** Adds a part to the newest group of its backend, identity, address, reference and total, or begins one. */
  add(part: NewPart): Promise<AddedPart>
  /** Groups to hand on: complete ones, and those whose time is over. */
  due(now: number, limit: number): Promise<readonly PartGroup[]>
  /** The group was recorded as this message: what it says goes; that it was there is known until `keepUntil`. */
  handedOn(groupId: string, messageId: string, keepUntil: number): Promise<void>
  /** Forgets the groups that were kept until before `now`. */
  forget(now: number): Promise<void>
}
