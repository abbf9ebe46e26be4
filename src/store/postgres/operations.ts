import type { Change } from '../change.ts'
import type { Fence } from '../fence.ts'
import type { Finish, NewIncoming, RecordedIncoming } from '../incoming-records.ts'
import type { KeptSend, KeyedSend } from '../keyed-sends.ts'
import type { AttemptResult, AttemptStart, NewOutgoing, NewReport, ReportEffect } from '../outgoing-records.ts'

/** What callers want written; each is written as a whole or not at all. */
export type Operation =
  | { readonly kind: 'incoming'; readonly messages: readonly NewIncoming[] }
  | { readonly kind: 'outgoing'; readonly messages: readonly NewOutgoing[] }
  | { readonly kind: 'keyed'; readonly send: KeyedSend<NewOutgoing> }
  | FencedOperation
  | { readonly kind: 'answered'; readonly ids: readonly string[]; readonly at: number }
  | { readonly kind: 'reports'; readonly reports: readonly NewReport[] }

/** The result of somebody who works a lane. */
export type FencedOperation =
  | { readonly kind: 'finish'; readonly result: Finish }
  | { readonly kind: 'start'; readonly result: AttemptStart }
  | { readonly kind: 'attempt'; readonly result: AttemptResult }

interface Results {
  incoming: readonly RecordedIncoming[]
  outgoing: undefined
  keyed: KeptSend | undefined
  finish: undefined
  start: undefined
  attempt: undefined
  answered: readonly string[]
  reports: readonly ReportEffect[]
}

export type ResultOf<O extends Operation> = Results[O['kind']]

export function isFenced(operation: Operation): operation is FencedOperation {
  return operation.kind === 'finish' || operation.kind === 'start' || operation.kind === 'attempt'
}

export function fenceOf(operation: FencedOperation): Fence {
  return operation.result.fence
}

/** Names what two operations of one batch may not both be about. */
export function keyOfOperation(operation: Operation): string | undefined {
  if (operation.kind === 'keyed') return `key ${operation.send.key}`
  return isFenced(operation) ? operation.result.message.id : undefined
}

/** The outgoing messages that it records. */
export function sentBy(operation: Operation): readonly NewOutgoing[] {
  if (operation.kind === 'outgoing') return operation.messages
  if (operation.kind === 'keyed') return operation.send.messages
  return isFenced(operation) ? (operation.result.outgoing ?? []) : []
}

export function changesOf(operation: FencedOperation): readonly Change[] {
  return operation.result.changes ?? []
}

/** About how many rows it writes. */
export function sizeOf(operation: Operation): number {
  switch (operation.kind) {
    case 'incoming':
      return operation.messages.length
    case 'answered':
      return operation.ids.length
    case 'reports':
      return operation.reports.length
    default:
      return 1 + sentBy(operation).length
  }
}

/** A message and the place in the order of all messages that it gets. */
export interface Numbered<Message> {
  readonly seq: number
  readonly message: Message
}
