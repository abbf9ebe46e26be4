export type {
  BackendTable,
  BatchRow,
  CallRow,
  CheckRow,
  ExpectedError,
  ExpectedMessage,
  ExpectedRequest,
  IncomingRow,
  OutgoingRow,
  PollRow,
  ReportRow,
  RequestRow,
  RowMessage,
} from './backend-rows.ts'
export { describeBackend, type TestRunner } from './backend-suite.ts'
export type { Duration } from './duration.ts'
export { type FakeBackend, type FakeReport, fakeBackend } from './fake-backend.ts'
export { type Canned, type FarRequest, type FarSide, farSide } from './far-side.ts'
export type { LogLine } from './recorded-logger.ts'
export { TestClock } from './test-clock.ts'
export { type TestMessage, type TestOptions, TestSwitchboard, testSwitchboard } from './test-switchboard.ts'
