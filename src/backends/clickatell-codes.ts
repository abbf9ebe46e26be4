import { AuthError, CreditError, LimitsError, MessageSendError, RequestError, ServerError } from '../router/errors.ts'
import type { ErrorTable, StateTable } from './provider-codes.ts'

/** Clickatell HTTP API, "Error codes". */
export const clickatellErrors = {
  '001': [AuthError, 'authentication failed'],
  '002': [AuthError, 'unknown username or password'],
  '003': [RequestError, 'session id expired'],
  '005': [RequestError, 'missing session id'],
  '007': [AuthError, 'IP lockdown violation'],
  '101': [RequestError, 'invalid or missing parameters'],
  '102': [RequestError, 'invalid user data header'],
  '103': [RequestError, 'unknown API message id'],
  '104': [RequestError, 'unknown client message id'],
  '105': [RequestError, 'invalid destination address'],
  '106': [RequestError, 'invalid source address'],
  '107': [RequestError, 'empty message'],
  '108': [RequestError, 'invalid or missing API id'],
  '109': [RequestError, 'missing message id'],
  '113': [RequestError, 'maximum message parts exceeded'],
  '114': [ServerError, 'cannot route message'],
  '115': [MessageSendError, 'message expired'],
  '116': [RequestError, 'invalid unicode data'],
  '120': [RequestError, 'invalid delivery time'],
  '121': [MessageSendError, 'destination blocked', { optedOut: true }],
  '122': [MessageSendError, 'destination opted out', { optedOut: true }],
  '123': [RequestError, 'invalid sender id'],
  '128': [MessageSendError, 'number delisted', { optedOut: true }],
  '130': [LimitsError, 'maximum MT limit exceeded'],
  '201': [RequestError, 'invalid batch id'],
  '202': [RequestError, 'no batch template'],
  '301': [CreditError, 'no credit left'],
  '901': [ServerError, 'internal error'],
} satisfies ErrorTable

/** Clickatell HTTP API, "Message status codes"; there is no 013. */
export const clickatellStates = {
  '001': 'UNKNOWN', // message unknown
  '002': 'SENT', // queued for redelivery
  '003': 'SENT', // delivered to the gateway
  '004': 'DELIVERED', // received by the recipient
  '005': 'ERROR', // error with the message
  '006': 'ERROR', // cancelled by the user
  '007': 'ERROR', // error delivering
  '008': 'SENT', // received by the gateway
  '009': 'ERROR', // routing error
  '010': 'EXPIRED',
  '011': 'SENT', // queued for later delivery
  '012': 'ERROR', // out of credit
  '014': 'ERROR', // maximum MT limit exceeded
} satisfies StateTable

export const clickatellMeanings: Readonly<Record<string, string>> = {
  '001': 'message unknown',
  '002': 'message queued',
  '003': 'delivered to gateway',
  '004': 'received by recipient',
  '005': 'error with message',
  '006': 'user cancelled delivery',
  '007': 'error delivering message',
  '008': 'received by gateway',
  '009': 'routing error',
  '010': 'message expired',
  '011': 'message queued for later delivery',
  '012': 'out of credit',
  '014': 'maximum MT limit exceeded',
}

/** `4` and `004` are the same. */
export function clickatellCode(given: string): string {
  return /^\d{1,2}$/.test(given) ? given.padStart(3, '0') : given
}
