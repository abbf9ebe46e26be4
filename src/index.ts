export { defineApp } from './apps/define.ts'
export { type BackendDefinition, type BackendInput, defineBackend } from './backends/define.ts'
export {
  type ChosenCoding,
  codingOf,
  decodeBytes,
  hexBytes,
  type TextCoding,
  utf16Bytes,
  utf16Hex,
} from './messages/coding.ts'
export { InvalidInputError, SwitchboardError } from './messages/errors.ts'
export { isGsmText, measureText, type TextSize } from './messages/gsm.ts'
export { type Connection, type Fields, IncomingMessage, type RespondOptions, type Text } from './messages/incoming.ts'
export { type MessageClass, messageClasses } from './messages/lane.ts'
export { OutgoingMessage, type SendOptions } from './messages/outgoing.ts'
export type { DeliveryReport } from './messages/report.ts'
export { type IncomingState, type OutgoingState, outgoingStates, transition } from './messages/states.ts'
export { parseUdh, type Udh, type UdhPart } from './messages/udh.ts'
export { QueueUnavailableError } from './queue/errors.ts'
export type { Answer, App } from './router/app.ts'
export type {
  BackendMemory,
  BackendMethod,
  BatchOutcome,
  CheckedMessage,
  HttpClient,
  Outbox,
  OutboxDetails,
  OutboxMessage,
  Received,
  ReceivedMessage,
  ReceivedPart,
  SendResult,
  SendTools,
  TakenPart,
  View,
  ViewAnswer,
  ViewRequest,
  ViewTools,
} from './router/backend.ts'
export type { AppContext } from './router/context.ts'
export {
  AppTimeoutError,
  AuthError,
  BacklogError,
  CancelledError,
  ConnectionError,
  CreditError,
  LimitsError,
  MessageSendError,
  NotRunningError,
  ProviderError,
  RequestError,
  ServerError,
  UnsupportedError,
} from './router/errors.ts'
export type { Router } from './router/router.ts'
export type { Recipient, SendRequest, SentMessage } from './router/send.ts'
export { SettingsError, type SettingsFault } from './settings/errors.ts'
export { defineSettings, type SettingsInput } from './settings/schema.ts'
export { type CreateOptions, createSwitchboard, type Switchboard } from './settings/switchboard.ts'
export {
  DocumentConflictError,
  MigrationError,
  StaleResultError,
  StoreLockedError,
  StoreUnavailableError,
  TakenOverError,
} from './store/errors.ts'
export type { Contact } from './store/store.ts'
