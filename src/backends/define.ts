import type { z } from 'zod'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { DeliveryReport } from '../messages/report.ts'
import type { TextRules } from '../messages/text-rules.ts'
import type {
  Backend,
  BackendMethod,
  BackendSecret,
  BatchOutcome,
  CheckedMessage,
  SendResult,
  SendTools,
  View,
} from '../router/backend.ts'
import type { Copy, Passing } from '../router/passing.ts'

/** How many messages a backend takes at the same time when nothing leaves this process. */
export const IN_PROCESS = 256

/** The rules for texts that nobody carries as SMS: they stay as they are, however long. */
export const NO_SMS: Partial<TextRules> = { accents: 'keep', punctuation: 'keep', maxParts: Number.POSITIVE_INFINITY }

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
  /** The rules for its texts, where the settings do not say; by default punctuation is made plain, in 3 parts at the most. */
  readonly text?: Partial<TextRules>
  /** Absent when it only receives, or when `sendBatch` is all there is: then a message alone is a batch of one. */
  send?(message: OutgoingMessage, tools: SendTools<z.output<Schema>>): Promise<SendResult | undefined>
  /**
   * Gives several messages in one request.
   * @returns one outcome for each message, in their order
   * @throws ProviderError when the request as a whole failed
   */
  sendBatch?(messages: readonly OutgoingMessage[], tools: SendTools<z.output<Schema>>): Promise<readonly BatchOutcome[]>
  /** Messages that one call of `sendBatch` takes at the most; 100 by default. */
  readonly batchLimit?: number
  /**
   * By which ids the service will report of a message, should it have taken it: those that we choose, and that are known
   * before it answers. Asked for when the outcome of an attempt is not known. Throws nothing, waits for nothing.
   */
  idsOf?(message: OutgoingMessage, own: { readonly settings: z.output<Schema> }): readonly string[]
  /** Asks the service what became of messages; those it does not know are left out. One that fails takes no other along. */
  checkStates?(
    messages: readonly CheckedMessage[],
    tools: SendTools<z.output<Schema>>,
  ): Promise<readonly DeliveryReport[]>
  /**
   * Fetches incoming messages and hands them to `tools.receive`, for services that do not call us. Called each
   * `pollInterval` of the settings, by one process at a time; keep where it got to in `tools.memory`, after `receive`.
   */
  poll?(tools: SendTools<z.output<Schema>>): Promise<void>
  /**
   * What it hands on of all that passes through the switchboard: each is an outgoing message of this backend, recorded
   * together with what it is made of, and given to `send` in its turn. Where it throws, the incoming message is tried
   * again, and a report is not taken.
   */
  copies?(passing: Passing, own: { readonly backend: string; readonly settings: z.output<Schema> }): readonly Copy[]
  /** Methods of its own: `router.call('name', 'balance')`. */
  readonly methods?: Readonly<Record<string, BackendMethod<z.output<Schema>>>>
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
  /** Milliseconds to wait for the missing parts of a long message before it is handed on without them. */
  readonly joinTimeLimit?: number
  /** Milliseconds back in which a report that names no id looks for its message; a day by default. */
  readonly reportWindow?: number
  /** Milliseconds from one poll to the next; without it, the service is not polled. */
  readonly pollInterval?: number
  /** How texts are written and how long they may be; what is not said goes by the general settings. */
  readonly text?: Partial<TextRules>
  /** The country whose national numbers are understood; false where identities are no phone numbers. */
  readonly numbers?: false | { readonly region?: string }
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
    readonly pause?: { readonly firstProbe?: number; readonly longestProbe?: number }
    readonly circuit?:
      | false
      | {
          readonly failures?: number
          readonly silence?: number
          readonly firstProbe?: number
          readonly longestProbe?: number
        }
    readonly dailyCap?: {
      readonly messages?: number
      readonly parts?: number
      readonly cost?: number
      readonly goOn?: readonly ('urgent' | 'reply' | 'normal' | 'bulk')[]
    }
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
