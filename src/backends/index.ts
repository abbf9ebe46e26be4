export {
  errorsAnswer,
  parseUrlencoded,
  type RequestValues,
  readValues,
  UnreadableRequest,
  unreadableAnswer,
} from './body.ts'
export { type BackendDefinition, type BackendInput, type CommonBackendInput, defineBackend } from './define.ts'
export { dummy } from './dummy.ts'
export { identityField, incomingForm, type Params, plainText, textField } from './form.ts'
export { type HttpBackendOptions, type HttpSend, httpBackend } from './http.ts'
export { errorFromResponse, excerpt } from './http-client.ts'
export type { SendSettingsInput } from './http-send.ts'
export { httptester } from './httptester.ts'
export { logBackend } from './log.ts'
export { loopback } from './loopback.ts'
export { nullBackend } from './null.ts'
export { secret } from './secret.ts'
export {
  type IncomingValues,
  type IncomingViewOptions,
  incomingView,
  jsonAnswer,
  methodNotAllowed,
  plainAnswer,
  type StatusViewOptions,
  statusView,
} from './view.ts'
