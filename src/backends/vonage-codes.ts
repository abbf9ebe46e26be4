import { AuthError, CreditError, LimitsError, MessageSendError, RequestError, ServerError } from '../router/errors.ts'
import type { ErrorTable, StateTable } from './provider-codes.ts'

/** "SMS API Error Codes": the status of each part in an answer; "0" is success. */
export const vonageErrors = {
  '1': [LimitsError, 'throttled'], // tried again
  '2': [RequestError, 'missing parameter'],
  '3': [RequestError, 'invalid parameter'],
  '4': [AuthError, 'invalid credentials'],
  '5': [ServerError, 'internal error'], // tried again
  '6': [RequestError, 'invalid message'],
  '7': [MessageSendError, 'number barred'],
  '8': [AuthError, 'account barred'],
  '9': [CreditError, 'no credit'],
  '10': [LimitsError, 'too many binds'], // tried again
  '11': [AuthError, 'account not enabled for HTTP'],
  '12': [RequestError, 'message too long'],
  '14': [AuthError, 'invalid signature'],
  '15': [RequestError, 'invalid sender address'],
  '22': [RequestError, 'invalid network code'],
  '23': [RequestError, 'invalid callback URL'],
  '29': [RequestError, 'destination not on the list of a demo account'],
  '32': [RequestError, 'signature and API secret together'],
  '33': [MessageSendError, 'number de-activated'],
} satisfies ErrorTable

/** The status of a delivery receipt. */
export const vonageStates = {
  accepted: 'SENT',
  buffered: 'SENT',
  delivered: 'DELIVERED',
  expired: 'EXPIRED',
  failed: 'ERROR',
  rejected: 'ERROR',
  unknown: 'UNKNOWN',
} satisfies StateTable

/** The err-code of a delivery receipt; 0 says no more than its status. */
export const vonageReasons: Readonly<Record<string, string>> = {
  '1': 'unknown',
  '2': 'absent for a while', // a new message may arrive
  '3': 'absent for good',
  '4': 'call barred by the subscriber',
  '5': 'portability error',
  '6': 'rejected as spam',
  '7': 'handset busy', // a new message may arrive
  '8': 'network error', // a new message may arrive
  '9': 'illegal number',
  '10': 'illegal message',
  '11': 'unroutable',
  '12': 'destination unreachable',
  '13': 'age restriction',
  '14': 'blocked by the carrier',
  '15': 'prepaid account without funds',
  '50': 'entity filter',
  '51': 'header filter',
  '52': 'content filter',
  '53': 'consent filter',
  '54': 'regulation',
  '99': 'general error',
}
