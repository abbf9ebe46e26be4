import type { Connection, Fields } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { OutgoingData, SendOptions } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { OutgoingRoute, RouteStep } from '../messages/route.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { Change } from './change.ts'
import type { Claim, Fence } from './fence.ts'
import type { SoleKey } from './template-store.ts'

export interface NewOutgoing {
  readonly id: string
  readonly backend: string
  readonly identity: string
  readonly address: string | null
  readonly text: string
  readonly class: MessageClass
  readonly fields: Fields
  readonly options: SendOptions
  readonly params: Fields
  readonly inResponseTo: { readonly id: string; readonly externalId: string | null } | null
  readonly parts: number
  /** Not to be sent before this time. */
  readonly notBefore: number
  /** Not to be sent after this time. */
  readonly expiresAt: number | null
  readonly createdAt: number
  /** Whether it has been through the outgoing phase already, as responses have. */
  readonly phased: boolean
  /** One attempt settles it, whatever comes of it. */
  readonly once: boolean
  readonly state: 'WAITING' | 'CANCELLED' | 'DEBUG' | 'ERROR'
  /** Why it was cancelled, or cannot be sent. */
  readonly reason: string | null
  readonly contactId: string | null
  readonly tag: string | null
  readonly template: string | null
  readonly relatedTo: string | null
  readonly extra: Fields | null
  /** Where else it may go; absent when nobody asked for a route. */
  readonly route?: OutgoingRoute | undefined
  /** The broadcast it is one message of. */
  readonly broadcastId?: string | undefined
  /** Not recorded where another message holds the key. */
  readonly sole?: SoleKey | undefined
}

export interface ClaimedOutgoing extends OutgoingData {
  readonly seq: number
  readonly tries: number
  readonly parts: number
  readonly notBefore: number
  readonly expiresAt: number | null
  /** When it was first tried since it was recorded, or replayed. */
  readonly firstAttemptAt: number | null
  readonly phased: boolean
  readonly once: boolean
  readonly optedOut: boolean
  /** That of the contact, an IANA name. */
  readonly timeZone: string | null
  /** An attempt was begun and its result never recorded: its outcome cannot be known. */
  readonly attemptOpen: boolean
  readonly route?: OutgoingRoute | undefined
}

export interface AttemptStart {
  readonly fence: Fence
  readonly message: { readonly seq: number; readonly id: string; readonly backend: string }
  /** The text as it goes out, where the outgoing phase of a direct send has just changed it. */
  readonly text?: string
  readonly parts?: number
  /** What the apps changed in that phase. */
  readonly changes?: readonly Change[]
  /** What the apps sent in that phase. */
  readonly outgoing?: readonly NewOutgoing[]
  readonly at: number
}

export interface AttemptResult {
  readonly fence: Fence
  readonly message: { readonly seq: number; readonly id: string } & Connection
  /** When the attempt began; null when it was settled without one (cancelled, expired). */
  readonly startedAt: number | null
  readonly at: number
  readonly outcome:
    | { readonly kind: 'settled'; readonly state: OutgoingState }
    /** Goes on at `at`; `uncounted` where the try is none of the message's, as its backend takes none now. */
    | { readonly kind: 'retry'; readonly at: number; readonly uncounted?: boolean }
    /** No attempt was due yet: it is as it was, but not to be sent before `at`, and `error` says why. */
    | { readonly kind: 'later'; readonly at: number }
    /**
     * Goes on at `at` over another backend of its route: in that backend's lane, at its old place in the order of all
     * messages, with no tries behind it there.
     */
    | {
        readonly kind: 'moved'
        readonly to: RouteStep
        readonly text: string
        readonly parts: number
        readonly at: number
      }
  /** What is left of the message's route; as it was, unless given. */
  readonly route?: OutgoingRoute
  /** Why a routed message was with this backend, or why it left it. */
  readonly reason?: string
  readonly externalIds: readonly string[]
  /** Each of the ids is that of one part, of which the service reports by itself. */
  readonly isIdPerPart?: boolean
  /** Reports that came before this time are not of this message; by default, before the attempt began. */
  readonly reportsSince?: number
  readonly parts?: number
  readonly code: string | null
  readonly providerCode: string | null
  readonly error: string | null
  readonly cost: number | null
  readonly currency: string | null
  readonly network: string | null
  /** The cost is our own guess, by the project's prices. */
  readonly estimated?: boolean
  /** What the backend keeps of its own with the message. */
  readonly extra: Fields | null
  /** What the apps changed in an outgoing phase that cancelled the message. */
  readonly changes?: readonly Change[]
  /** What the apps sent in that phase. */
  readonly outgoing?: readonly NewOutgoing[]
}

export type NewReport = DeliveryReport & {
  readonly backend: string
  readonly receivedAt: number
  /** A report by number is not of a message recorded before this time. */
  readonly since?: number
}

/** What a report did: which message it belongs to, and that message's state after it. */
export interface ReportEffect {
  readonly messageId: string | null
  readonly state: OutgoingState | null
  readonly changed: boolean
  /** It was about one of several parts. */
  readonly ofPart?: boolean
}

/** The messages of an outgoing lane that are due, or wait for a retry. */
export interface OutgoingClaim extends Claim<ClaimedOutgoing> {
  /** From when on one of the lane's messages may be worked; undefined when none is open. */
  readonly dueAt: number | undefined
  /** The lane holds no other message than those claimed, due or not: when they are settled, it is empty. */
  readonly isAll: boolean
}
