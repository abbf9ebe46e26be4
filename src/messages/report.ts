import type { Fields } from './incoming.ts'
import type { OutgoingState } from './states.ts'

interface ReportContents {
  /** Absent when the service's code is not known: the report is kept and the state left as it is. */
  readonly state?: OutgoingState
  /** Beside ERROR: the service has given up since the time of the message was over. */
  readonly expired?: boolean
  /** The service's own code and text. */
  readonly code?: string
  readonly text?: string
  readonly fields?: Fields
}

/** What a service said of an outgoing message that it names by an id. */
export interface ReportById extends ReportContents {
  /** The id the service gave when it took the message, or the one that we gave it. */
  readonly externalId: string
  readonly identity?: string
}

/**
 * What a service said of the last message to somebody. It belongs to the newest one that is on its way to this person,
 * within the time that the backend's setting `reportWindow` has.
 */
export interface ReportByNumber extends ReportContents {
  readonly externalId?: undefined
  readonly identity: string
}

/** What a service said later of an outgoing message. */
export type DeliveryReport = ReportById | ReportByNumber

/** What py-smsframework calls the states of a status: a report belongs to none, one or two of these. */
export const reportClasses = ['accepted', 'delivered', 'expired', 'error'] as const
export type ReportClass = (typeof reportClasses)[number]

const classesOfState: Partial<Record<OutgoingState, readonly ReportClass[]>> = {
  SENT: ['accepted'],
  DELIVERED: ['accepted', 'delivered'],
  ERROR: ['accepted', 'error'],
}

/**
 * The classes of a report, in the order of `reportClasses`. Whatever a service reports of, it had accepted before; a
 * report that says nothing of the state, or that nobody knows what became of the message, has no class.
 */
export function reportClassesOf({ state, expired }: Pick<DeliveryReport, 'state' | 'expired'>): readonly ReportClass[] {
  if (state === 'ERROR' && expired === true) return ['accepted', 'expired']
  return state === undefined ? [] : (classesOfState[state] ?? [])
}
