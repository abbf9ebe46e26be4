import {
  AuthError,
  LimitsError,
  MessageSendError,
  RequestError,
  ServerError,
  UnsupportedError,
} from '../router/errors.ts'
import type { ErrorTable, StateTable } from './provider-codes.ts'

/** The code of an id that the account has used before. */
export const ATS_KNOWN_ID = '310'

/** ATS's states, the same in answers to sending and to questions; as the clients pymess and django-ats-sms-operator read them. */
export const atsStates = {
  // OK, ready to be sent
  '0': 'SENT',
  // not found
  '20': 'ERROR',
  // not sent yet
  '21': 'SENT',
  // sent
  '22': 'SENT',
  // delivered
  '23': 'DELIVERED',
  // not delivered
  '24': 'ERROR',
  // the state cannot be determined
  '25': 'UNKNOWN',
} satisfies StateTable

/** Those of the states that mean a message will not arrive, and all errors. PR is premium rate. */
export const atsErrors = {
  '1': [MessageSendError, 'unspecified error'],
  '20': [MessageSendError, 'not found'],
  '24': [MessageSendError, 'not delivered'],
  '100': [AuthError, 'authentication failed'],
  '200': [ServerError, 'database error'],
  '300': [RequestError, 'the batch contains an id twice'],
  '310': [RequestError, 'the id was used before'],
  '320': [RequestError, 'keyword missing'],
  '321': [RequestError, 'keyword not valid'],
  '330': [RequestError, 'sender missing'],
  '331': [RequestError, 'sender not valid'],
  '332': [UnsupportedError, 'incoming PR messages not allowed'],
  '333': [UnsupportedError, 'outgoing PR messages not allowed'],
  '334': [LimitsError, 'daily limit of outgoing PR messages'],
  '335': [LimitsError, 'total limit of outgoing PR messages'],
  '336': [UnsupportedError, 'geographic numbers not allowed'],
  '337': [UnsupportedError, 'messages to Slovakia not allowed'],
  '338': [UnsupportedError, 'short codes not allowed'],
  '339': [RequestError, 'sender not known'],
  '340': [RequestError, 'type of message missing'],
  '341': [UnsupportedError, 'too long'],
  '342': [UnsupportedError, 'more than 10 parts'],
  '343': [RequestError, 'wrong number of sender or recipient'],
  '350': [RequestError, 'recipient missing or of a wrong form'],
  '360': [RequestError, 'textid not allowed'],
  '361': [RequestError, 'textid of a wrong form'],
  '362': [UnsupportedError, 'long messages with textid not allowed'],
  '701': [RequestError, 'no XML'],
  '702': [RequestError, 'XML unreadable'],
  '703': [RequestError, 'not a POST'],
  '705': [RequestError, 'XML not valid'],
} satisfies ErrorTable
