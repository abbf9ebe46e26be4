import type { Fields } from '../messages/incoming.ts'
import { type DeliveryReport, reportClassesOf } from '../messages/report.ts'
import type { NewIncoming } from '../store/incoming-records.ts'
import type { ReportEffect } from '../store/outgoing-records.ts'
import type { ReceiveEvent, StatusEvent } from './events.ts'

/** The event of a message that is recorded, or about to be. */
export function receiveEvent(record: NewIncoming): ReceiveEvent {
  const { id, backend, identity, address, text, fields, externalId, receivedAt } = record
  return Object.freeze({
    type: 'receive',
    message: Object.freeze({
      ...{ id, backend, identity, address, text, externalId },
      fields: frozenCopy(fields),
      receivedAt: new Date(receivedAt),
    }),
  })
}

/** What a report is told by. */
export interface Reported {
  readonly backend: string
  readonly report: DeliveryReport
  readonly effect: ReportEffect
  /** Milliseconds since 1970. */
  readonly at: number
}

export function statusEvent({ backend, report, effect, at }: Reported): StatusEvent {
  const { messageId, state, changed } = effect
  const { fields } = report
  return Object.freeze({
    type: 'status',
    backend,
    report: Object.freeze({ ...report, ...(fields === undefined ? {} : { fields: frozenCopy(fields) }) }),
    classes: reportClassesOf(report),
    messageId,
    messageState: state,
    changed,
    receivedAt: new Date(at),
  })
}

/** What hooks are given is a copy: what they do to it changes no message. */
export function frozenCopy(fields: Fields): Fields {
  return Object.freeze(JSON.parse(JSON.stringify(fields)) as Fields)
}
