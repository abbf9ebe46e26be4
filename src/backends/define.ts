import type { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { Backend, BackendSecret, SendResult, SendTools, View } from '../router/backend.ts'

/** How many messages a backend takes at the same time when nothing leaves this process. */
export const IN_PROCESS = 256

/** What makes one kind of backend. */
export interface BackendDefinition<Schema extends z.ZodType> {
  readonly kind: string
  /** The settings of this kind alone; those that every backend has come on top. */
  readonly settings: Schema
  /** Its routes below `/backends/<name>/`; the name `''` is the path itself. */
  readonly views?: Readonly<Record<string, View<z.output<Schema>>>>
  readonly reports?: Backend['reports']
  readonly removesDuplicates?: boolean
  /** Messages handed over at the same time, where the settings do not say; 10 by default. */
  readonly concurrency?: number
  /** Absent when it only receives. */
  send?(message: OutgoingMessage, tools: SendTools<z.output<Schema>>): Promise<SendResult | undefined>
  start?(tools: SendTools<z.output<Schema>>): Promise<void>
  stop?(): Promise<void>
}

/** The settings that every backend takes beside its own; all of them may be left out. */
export interface CommonBackendInput {
  readonly path?: string
  readonly paths?: Readonly<Record<string, string>>
  readonly secret?: BackendSecret
  /** Nothing leaves; every message stands in the state DEBUG. */
  readonly debug?: boolean
  /** Seconds in which an equal text from the same identity is a repeat; for services that give no ids. */
  readonly window?: number
  readonly sending?: {
    readonly concurrency?: number
    readonly partsPerSecond?: number
    readonly timeLimit?: number
    readonly attempts?: number
    readonly firstDelay?: number
    readonly longestDelay?: number
    readonly maxAge?: number
    readonly unknownOutcome?:
      | 'settle'
      | 'retry'
      | Partial<Record<'urgent' | 'reply' | 'normal' | 'bulk', 'settle' | 'retry'>>
  }
}

/** A backend as it stands in the settings file: what kind, and the settings as they were written. */
export interface BackendInput {
  readonly definition: BackendDefinition<z.ZodType>
  readonly input: unknown
}

/** A kind without settings of its own takes those that every backend has. */
type OwnInput<Schema extends z.ZodType> = z.input<Schema> extends Record<string, never> ? object : z.input<Schema>

/**
 * Makes the factory of one kind of backend. The factory never throws: what it is given is checked when the settings
 * load, under the backend's name, together with everything else.
 */
export function defineBackend<Schema extends z.ZodType>(
  definition: BackendDefinition<Schema>,
): (input?: OwnInput<Schema> & CommonBackendInput) => BackendInput {
  return (input) => ({ definition: definition as unknown as BackendDefinition<z.ZodType>, input: input ?? {} })
}
