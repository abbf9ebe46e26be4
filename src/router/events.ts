import type { Fields } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { OutgoingData, SendOptions } from '../messages/outgoing.ts'
import type { DeliveryReport, ReportClass } from '../messages/report.ts'
import type { OutgoingState } from '../messages/states.ts'
import type { Backoff } from './retry.ts'

/** A person's message was taken in. Of a long message in parts: the whole. */
export interface ReceiveEvent {
  readonly type: 'receive'
  readonly message: {
    readonly id: string
    readonly backend: string
    readonly identity: string
    /** Our address it was sent to, where the service tells. */
    readonly address: string | null
    readonly text: string
    readonly fields: Fields
    /** The service's id. */
    readonly externalId: string | null
    readonly receivedAt: Date
  }
}

/**
 * A service took a message; or, in debug mode, would have been given it. For hooks that run before, it is about to be
 * given: its state is WAITING, and what only the service can tell is empty.
 */
export interface SendEvent {
  readonly type: 'send'
  readonly message: {
    readonly id: string
    readonly backend: string
    readonly identity: string
    /** Our address it leaves from, where one was chosen. */
    readonly address: string | null
    /** As it went out. */
    readonly text: string
    readonly class: MessageClass
    readonly fields: Fields
    readonly options: SendOptions
    readonly params: Fields
    /** The incoming message it answers. */
    readonly inResponseTo: OutgoingData['inResponseTo']
    /** Through `send` of the backend, or in the answer to the request that brought the incoming message. */
    readonly via: 'send' | 'answer'
    readonly state: OutgoingState
    /** The service's ids. */
    readonly externalIds: readonly string[]
    readonly parts: number
    readonly cost: number | null
    /** An ISO 4217 code. */
    readonly currency: string | null
    /** The cost is by the project's own prices; the service told none. */
    readonly estimated: boolean
    readonly network: string | null
    /** What the backend keeps of its own with the message. */
    readonly extra: Fields | null
    readonly createdAt: Date
    /** When the attempt that succeeded began; null where there was none. */
    readonly sentAt: Date | null
  }
}

/** A service reported what became of an outgoing message. */
export interface StatusEvent {
  readonly type: 'status'
  readonly backend: string
  /** Of one of several parts: with the state that all of them have come to. */
  readonly report: DeliveryReport
  /** What py-smsframework calls the states of a status. */
  readonly classes: readonly ReportClass[]
  /** Our id of the message; null where it is not known yet, and for hooks that run before. */
  readonly messageId: string | null
  /** The state that the message has now; null where the message is not known, and for hooks that run before. */
  readonly messageState: OutgoingState | null
  /** Whether the report changed the message's state. */
  readonly changed: boolean
  readonly receivedAt: Date
}

/** What each event tells, by its name. */
export interface Events {
  readonly receive: ReceiveEvent
  readonly send: SendEvent
  readonly status: StatusEvent
}

export const eventNames = ['receive', 'send', 'status'] as const satisfies readonly (keyof Events)[]
export type EventName = (typeof eventNames)[number]

/** What a hook is given beside the event. */
export interface HookContext {
  /** 1 at first, then 2 and more, when it is run again since it failed. */
  readonly attempt: number
  /** Aborted when the time limit is over or the process stops waiting. */
  readonly signal: AbortSignal
}

/** Whoever wants to know of events. What it returns means nothing; that it throws means that it failed. */
export type Hook<Name extends EventName> = (event: Events[Name], context: HookContext) => unknown

export interface HookOptions {
  /**
   * Runs before anything is recorded, or before the message is given to the service, which waits for it. One that throws
   * keeps that from happening.
   */
  readonly before?: boolean | undefined
  /** How the log names it; by default the name of the function. */
  readonly name?: string | undefined
}

/** A hook of the settings: the function alone, or with options. */
export type HookSetting<Name extends EventName> = Hook<Name> | (HookOptions & { readonly hook: Hook<Name> })

/** How hooks are run. Times are milliseconds; `firstDelay` and `longestDelay` are those between the runs of one that failed. */
export interface HookSettings extends Backoff {
  readonly timeLimit: number
  /** For hooks that run before. */
  readonly beforeTimeLimit: number
  /** How often a hook runs for one event before it is given up. */
  readonly attempts: number
  /** Events whose hooks run at the same time. */
  readonly concurrency: number
  /** Events whose hooks may wait; those of further ones are left out. */
  readonly mostWaiting: number
}

/** The hooks of the settings, in the order they run. */
export type SetHooks = { readonly [Name in EventName]: readonly HookSetting<Name>[] }

export type EventSettings = HookSettings & SetHooks
