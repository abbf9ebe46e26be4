import {
  AuthError,
  LimitsError,
  MessageSendError,
  RequestError,
  ServerError,
  UnsupportedError,
} from '../router/errors.ts'
import type { ErrorTable, StateTable } from './provider-codes.ts'

/** Twilio's "Error and Warning Dictionary": the codes that answer a request. Others go by the HTTP status. */
export const twilioErrors = {
  '20003': [AuthError, 'authentication failed'],
  '20404': [RequestError, 'no such account or resource'],
  '20429': [LimitsError, 'too many requests'], // tried again
  '20500': [ServerError, 'internal error'], // tried again
  '20503': [ServerError, 'service unavailable'], // tried again
  '21211': [RequestError, "invalid 'To' number"],
  '21212': [RequestError, "invalid 'From' number"],
  '21214': [RequestError, "the 'To' number cannot be reached"],
  '21401': [RequestError, "invalid 'From' number of this account"],
  '21407': [UnsupportedError, 'this kind of number does not carry SMS'],
  '21408': [UnsupportedError, 'the region is not enabled for this account'],
  '21602': [RequestError, 'no message body'],
  '21603': [RequestError, "no 'From' number"],
  '21604': [RequestError, "no 'To' number"],
  '21606': [RequestError, "the 'From' number is not an SMS number of this account"],
  '21608': [RequestError, 'a trial account sends to verified numbers only'],
  '21610': [MessageSendError, 'the recipient has opted out with STOP', { optedOut: true }],
  '21611': [LimitsError, "the queue of the 'From' number is full"], // tried again
  '21614': [RequestError, "the 'To' number is not a mobile number"],
  '21617': [RequestError, 'the message is longer than 1600 characters'],
  '21659': [RequestError, "the 'From' number is not a number of this account"],
} satisfies ErrorTable

/** Where no code is known. */
export const twilioStatuses = {
  '401': [AuthError, ''],
  '403': [AuthError, ''],
  '408': [ServerError, ''],
  '429': [LimitsError, ''],
} satisfies ErrorTable

/** Twilio's codes that come later, in status callbacks: what became of a message it had taken. */
export const twilioLateErrors: Readonly<Record<string, string>> = {
  '30001': 'queue overflow',
  '30002': 'account suspended',
  '30003': 'unreachable handset',
  '30004': 'message blocked',
  '30005': 'unknown destination',
  '30006': 'landline or unreachable carrier',
  '30007': 'filtered by the carrier',
  '30008': 'unknown error',
}

/** MessageStatus of status callbacks and of the message resource. */
export const twilioStates = {
  accepted: 'SENT',
  scheduled: 'SENT',
  queued: 'SENT',
  sending: 'SENT',
  sent: 'SENT', // the carrier has it
  partially_delivered: 'SENT',
  delivered: 'DELIVERED',
  read: 'DELIVERED',
  undelivered: 'ERROR',
  failed: 'ERROR',
  canceled: 'ERROR',
} satisfies StateTable
