export { defineApp } from './apps/define.ts'
export { type BackendDefinition, type BackendInput, defineBackend } from './backends/define.ts'
export type { Challenge, ChallengeRequest } from './http/proxy/settings.ts'
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
export {
  type DeliveryReport,
  type ReportById,
  type ReportByNumber,
  type ReportClass,
  reportClasses,
  reportClassesOf,
} from './messages/report.ts'
export { type IncomingState, type OutgoingState, outgoingStates, transition } from './messages/states.ts'
export type { TemplateUse } from './messages/template-use.ts'
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
export type {
  Broadcast,
  BroadcastCap,
  BroadcastProgress,
  BroadcastRecipients,
  BroadcastRequest,
  BroadcastTo,
} from './router/broadcast-request.ts'
export type { Broadcasts } from './router/broadcasts.ts'
export type {
  Callback,
  CallbackChange,
  CallbackInput,
  CallbackOwner,
  CallbackStanding,
  CallbackWithSecret,
  DeadCallback,
} from './router/callback-request.ts'
export type { Callbacks } from './router/callbacks.ts'
export type { AppContext } from './router/context.ts'
export {
  AppTimeoutError,
  AuthError,
  BacklogError,
  CancelledError,
  ConnectionError,
  CreditError,
  HookError,
  HookTimeoutError,
  IdempotencyMismatchError,
  LimitsError,
  MessageSendError,
  NotRunningError,
  PausedError,
  ProviderError,
  RequestError,
  RoutingError,
  ServerError,
  UnsupportedError,
} from './router/errors.ts'
export type {
  EventName,
  Events,
  Hook,
  HookContext,
  HookOptions,
  ReceiveEvent,
  SendEvent,
  StatusEvent,
} from './router/events.ts'
export type { Router } from './router/router.ts'
export type { RouteChoice, RoutedMessage, RoutingFunction } from './router/routing.ts'
export type {
  LaterRequests,
  LeftOut,
  Recipient,
  SendRequest,
  SentMessage,
  Submission,
  TemplateRequest,
  TextRequest,
} from './router/send-request.ts'
export type { BackendCheck } from './router/state-checks.ts'
export type { TemplateRecipient, TemplateRule, TemplateRules } from './router/template-texts.ts'
export type { Template, TemplateInput, TemplateList, Templates } from './router/templates.ts'
export { SettingsError, type SettingsFault } from './settings/errors.ts'
export { defineSettings, type SettingsInput } from './settings/schema.ts'
export { type CreateOptions, createSwitchboard, type Switchboard } from './settings/switchboard.ts'
export type { BroadcastFault, BroadcastState } from './store/broadcast-store.ts'
export type { CallbackFormat, CallbackName } from './store/callback-store.ts'
export type { Contact } from './store/contact.ts'
export {
  DocumentConflictError,
  MigrationError,
  StaleResultError,
  StoreLockedError,
  StoreUnavailableError,
  TakenOverError,
} from './store/errors.ts'
