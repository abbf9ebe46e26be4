import { AuthError, LimitsError, MessageSendError, RequestError, ServerError } from '../router/errors.ts'
import type { ErrorTable, StateTable } from './provider-codes.ts'

/**
 * Codes of the SNS API (API reference, "Publish", "Errors", and "Common Error Types"). The SDK names most of them with
 * `Exception` behind, which is left out here.
 */
export const snsErrors = {
  OptedOut: [MessageSendError, 'the number has opted out', { optedOut: true }],
  InvalidParameter: [RequestError, 'a parameter is not valid'],
  InvalidParameterValue: [RequestError, 'a parameter is not valid'],
  ParameterValueInvalid: [RequestError, 'a parameter is not valid'],
  Validation: [RequestError, 'a parameter is not valid'],
  UserError: [RequestError, 'a parameter is not valid'],
  NotFound: [RequestError, 'there is no such thing'],
  EndpointDisabled: [RequestError, 'the endpoint is disabled'],
  PlatformApplicationDisabled: [RequestError, 'the application is disabled'],
  KMSAccessDenied: [RequestError, 'the key may not be used'],
  KMSDisabled: [RequestError, 'the key is disabled'],
  KMSInvalidState: [RequestError, 'the key is not in a state to be used'],
  KMSNotFound: [RequestError, 'there is no such key'],
  KMSOptInRequired: [RequestError, 'the account needs a subscription for the key'],
  AuthorizationError: [AuthError, 'the account may not do this'],
  InvalidClientTokenId: [AuthError, 'the access key is not known'],
  SignatureDoesNotMatch: [AuthError, 'the secret access key is not the right one'],
  ExpiredToken: [AuthError, 'the session token has expired'],
  AccessDenied: [AuthError, 'the account may not do this'],
  InvalidSecurity: [AuthError, 'the credentials are not accepted'],
  Throttled: [LimitsError, 'too fast'],
  Throttling: [LimitsError, 'too fast'],
  KMSThrottling: [LimitsError, 'too fast for the key'],
  InternalError: [ServerError, 'an error of the service'],
  InternalFailure: [ServerError, 'an error of the service'],
  ServiceUnavailable: [ServerError, 'the service is not available'],
} satisfies ErrorTable

/** `eventType` of AWS End User Messaging's events. */
export const snsEvents = {
  TEXT_QUEUED: 'SENT',
  TEXT_PENDING: 'SENT',
  TEXT_SUCCESSFUL: 'SENT', // the carrier has it
  TEXT_DELIVERED: 'DELIVERED',
  TEXT_TTL_EXPIRED: 'EXPIRED',
  TEXT_INVALID: 'ERROR',
  TEXT_INVALID_MESSAGE: 'ERROR',
  TEXT_UNREACHABLE: 'ERROR',
  TEXT_CARRIER_UNREACHABLE: 'ERROR',
  TEXT_BLOCKED: 'ERROR',
  TEXT_CARRIER_BLOCKED: 'ERROR',
  TEXT_SPAM: 'ERROR',
  TEXT_PROTECT_BLOCKED: 'ERROR',
  TEXT_UNKNOWN: 'UNKNOWN', // after 72 hours
} satisfies StateTable

/** `status` of the delivery log of SNS; SUCCESS says that the carrier took it. */
export const snsLogStates = { SUCCESS: 'SENT', FAILURE: 'ERROR' } satisfies StateTable
