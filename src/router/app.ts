import type { IncomingMessage } from '../messages/incoming.ts'
import type { Logger } from '../messages/logger.ts'
import type { OutgoingMessage } from '../messages/outgoing.ts'
import type { AppContext } from './context.ts'

/** What a phase says: only exactly `true` and exactly `false` mean something, after awaiting. */
export type Answer = boolean | void | Promise<boolean | void>

/** What an app's `start` is given. */
export interface StartContext {
  readonly logger: Logger
}

/**
 * A member of the chain. Phases run one after the other over all apps in the order of the settings;
 * `outgoing` runs in the reverse order. Every phase is optional.
 */
export interface App {
  readonly name: string
  /** Only messages of these backends, or to these addresses of ours, are shown to the app. */
  readonly only?: { readonly backends?: readonly string[]; readonly addresses?: readonly string[] }
  /** The words it answers to, so that a clash between two apps is told at start. */
  readonly keywords?: readonly string[]
  start?(context: StartContext): Promise<void> | void
  stop?(): Promise<void> | void
  /** `true`: drop the message; only cleanup still runs, and responses queued so far are sent. */
  filter?(message: IncomingMessage, context: AppContext): Answer
  /** May change or annotate the message. */
  parse?(message: IncomingMessage, context: AppContext): Promise<void> | void
  /** `true`: handled, no later app's `handle` and no `default` is called. */
  handle?(message: IncomingMessage, context: AppContext): Answer
  /** Called only when nothing handled the message; `true` stops the phase. */
  default?(message: IncomingMessage, context: AppContext): Answer
  /** Always runs, last; also for messages that were handled or filtered. */
  cleanup?(message: IncomingMessage, context: AppContext): Promise<void> | void
  /** May change the text; `false` cancels the message. */
  outgoing?(message: OutgoingMessage, context: AppContext): Answer
}

export const incomingPhases = ['filter', 'parse', 'handle', 'default', 'cleanup'] as const
export type IncomingPhase = (typeof incomingPhases)[number]
export type Phase = IncomingPhase | 'outgoing'
