export type { BackendTable, IncomingRow, OutgoingRow, ReportRow } from '../../src/testing/backend-rows.ts'
export { describeBackend } from '../../src/testing/backend-suite.ts'
export { fuzzViews } from './fuzz-views.ts'
