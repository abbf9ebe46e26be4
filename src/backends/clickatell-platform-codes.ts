import {
  AuthError,
  CreditError,
  LimitsError,
  MessageSendError,
  RequestError,
  ServerError,
  UnsupportedError,
} from '../router/errors.ts'
import type { ErrorTable, StateTable } from './provider-codes.ts'

/** One API, "Error codes". */
export const platformErrors = {
  '1': [AuthError, 'invalid or missing API key'],
  '2': [AuthError, 'the account is not active'],
  '3': [AuthError, 'the integration is not active'],
  '7': [AuthError, 'the IP address is not approved'],
  '18': [ServerError, 'internal error'],
  '19': [ServerError, 'internal error'],
  '20': [CreditError, 'no balance left'],
  '21': [RequestError, 'malformed request'],
  '22': [RequestError, 'too many messages in a request'],
  '23': [RequestError, 'invalid or missing parameter'],
  '24': [RequestError, 'the content is too long'],
  '25': [RequestError, 'invalid recipient'],
  '26': [MessageSendError, 'the recipient has opted out', { optedOut: true }],
  '27': [UnsupportedError, 'the recipient is not on this channel'],
  '28': [RequestError, 'the recipient is not on the sandbox'],
  '30': [RequestError, 'content type'],
  '31': [RequestError, 'media'],
  '32': [RequestError, 'media'],
  '33': [RequestError, 'media'],
  '38': [RequestError, 'the channel is not active'],
  '39': [RequestError, 'the feature is not active'],
  '40': [RequestError, 'charset'],
  '41': [RequestError, 'no such resource'],
  '42': [RequestError, 'no such method'],
  '43': [LimitsError, 'rate limit'],
  '44': [RequestError, 'the sender is suspended'],
  '45': [RequestError, 'the sender is not linked'],
  '46': [RequestError, 'the demonstration has expired'],
  '100': [RequestError, 'too many parts'],
  '101': [UnsupportedError, 'no two-way messages to the recipient'],
  '110': [RequestError, 'rules of the USA'],
  '111': [RequestError, 'rules of the USA'],
} satisfies ErrorTable

/** Names of statuses, of both APIs. Those of encryption, media and WhatsApp are errors by their beginnings. */
export const platformStates = {
  UNKNOWN: 'SENT',
  QUEUED: 'SENT',
  SCHEDULED: 'SENT',
  SENT_TO_SUPPLIER: 'SENT',
  EMULATED: 'SENT', // the sandbox
  DEVICE_ACK: 'DELIVERED',
  READ: 'DELIVERED',
  EXPIRED: 'EXPIRED',
  STOPPED_BY_USER: 'ERROR',
  STOPPED_BY_ADMIN: 'ERROR',
  DELIVERY_FAILURE: 'ERROR',
  INSUFFICIENT_ACCOUNT_BALANCE: 'ERROR',
  VOLUME_LIMIT: 'ERROR',
  VOLUME_LIMIT_DAILY: 'ERROR',
  VOLUME_LIMIT_MONTHLY: 'ERROR',
  RECIPIENT_DOES_NOT_EXIST: 'ERROR',
  ROUTING_ERROR: 'ERROR',
} satisfies StateTable

/** How the names of whole families of errors begin. */
export const PLATFORM_ERROR_NAME = /^(ENCRYPTION|MEDIA|WHATSAPP)_/
