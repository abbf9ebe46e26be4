export { africasTalking } from './africas-talking.ts'
export { androidGateway } from './android-gateway.ts'
export { atsSmsOperator } from './ats-sms-operator.ts'
export { awsSns } from './aws-sns.ts'
export {
  errorsAnswer,
  parseUrlencoded,
  type RequestValues,
  readValues,
  UnreadableRequest,
  unreadableAnswer,
} from './body.ts'
export { decodeText, encodeText, isKnownCharset } from './charset.ts'
export { clickatell } from './clickatell.ts'
export { clickatellPlatform } from './clickatell-platform.ts'
export { type BackendDefinition, type BackendInput, type CommonBackendInput, defineBackend } from './define.ts'
export { dummy } from './dummy.ts'
export { eScape } from './e-scape.ts'
export { identityField, incomingForm, type Params, plainText, textField } from './form.ts'
export { decodeForm, decodePairs, encodeForm, type FormPair, formPairs, requestPairs } from './form-bytes.ts'
export { forwardClient } from './forward-client.ts'
export { forwardServer } from './forward-server.ts'
export type { ChooseBackend, ChooseClients, ForwardedRequest, ForwardSubject } from './forward-settings.ts'
export { type HttpBackendOptions, type HttpSend, httpBackend } from './http.ts'
export { errorFromResponse, excerpt, excerptOf } from './http-client.ts'
export type { SendSettingsInput } from './http-send.ts'
export { httptester } from './httptester.ts'
export { kannel } from './kannel.ts'
export { logBackend } from './log.ts'
export { loopback } from './loopback.ts'
export { nullBackend } from './null.ts'
export { opera } from './opera.ts'
export {
  type Confirmation,
  type ConfirmViewOptions,
  confirmView,
  type OutboxValues,
  type OutboxViewOptions,
  outboxView,
} from './outbox-view.ts'
export {
  type CodeDetails,
  type ErrorTable,
  errorOfCode,
  jsonOf,
  type StateTable,
  standingOf,
  stateOf,
  unexpectedAnswer,
} from './provider-codes.ts'
export { secret } from './secret.ts'
export { timingSafeEqualText } from './signature.ts'
export { smsOperator } from './sms-operator.ts'
export { techsys } from './techsys.ts'
export { twilio } from './twilio.ts'
export { vianett } from './vianett.ts'
export {
  checked,
  type FieldErrors,
  type IncomingValues,
  type IncomingViewOptions,
  incomingView,
  jsonAnswer,
  MessagePart,
  methodNotAllowed,
  plainAnswer,
  RefusedRequest,
  type StatusViewOptions,
  statusView,
  view,
} from './view.ts'
export { vonage } from './vonage.ts'
export { vumi } from './vumi.ts'
export { elementsOf, escapeXml, parseXml, textOf, type XmlElement, xmlAnswer, xmlOf } from './xml.ts'
