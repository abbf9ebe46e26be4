import type { MessageClass } from '../messages/lane.ts'
import { isInSession } from '../messages/session.ts'
import type { ClaimedOutgoing } from '../store/outgoing-records.ts'

/** Why a message was cancelled, as it is kept with it. */
export const EXPIRED = 'expired before it was sent'

/** Milliseconds for which messages without an expiry of their own are of use, by class, and in a session. */
export type ExpirySettings = Readonly<Record<MessageClass | 'session', number>>

/** What of a message tells its time. */
export type DatedMessage = Pick<
  ClaimedOutgoing,
  'expiresAt' | 'createdAt' | 'notBefore' | 'firstAttemptAt' | 'inResponseTo' | 'fields' | 'class'
>

/** Until when a message may be given to its service: counted from when it was due, or first tried. */
export function expiryOf(message: DatedMessage, settings: ExpirySettings): number {
  const { expiresAt, createdAt, notBefore, firstAttemptAt, inResponseTo, fields } = message
  if (expiresAt !== null) return expiresAt
  const isSessions = inResponseTo !== null && isInSession(fields)
  return (firstAttemptAt ?? Math.max(createdAt, notBefore)) + settings[isSessions ? 'session' : message.class]
}
