export { errorsAnswer, parseUrlencoded, type RequestValues, readValues, UnreadableRequest } from './body.ts'
export { type BackendDefinition, type BackendInput, type CommonBackendInput, defineBackend } from './define.ts'
export { dummy } from './dummy.ts'
export { identityField, incomingForm, type Params, textField } from './form.ts'
export { type HttpBackendOptions, type HttpSend, httpBackend } from './http.ts'
export { errorFromResponse } from './http-client.ts'
export { httptester } from './httptester.ts'
export { logBackend } from './log.ts'
export { loopback } from './loopback.ts'
export { nullBackend } from './null.ts'
export {
  type IncomingViewOptions,
  incomingView,
  jsonAnswer,
  methodNotAllowed,
  plainAnswer,
  type StatusViewOptions,
  statusView,
} from './view.ts'
