import type { MassRow } from './cases/mass.ts'
import { judged, type Section, whole } from './report.ts'

const MOST_REPLY_P95_MS = 5_000

export function massSection(rows: readonly MassRow[]): Section {
  return {
    title: 'p: broadcasts from a file, and replies beside them',
    columns: [
      'recipients',
      'taken in/s',
      'sent/s',
      'command MiB',
      'server MiB',
      'replies',
      'p95 ms',
      'longest ms',
      'target',
    ],
    rows: rows.map(({ recipients, takenPerSecond, sentPerSecond, commandMiB, serverMiB, replies, missing }) => [
      whole(recipients),
      whole(takenPerSecond),
      whole(sentPerSecond),
      whole(commandMiB),
      whole(serverMiB),
      whole(replies?.count ?? 0),
      whole(replies?.p95 ?? 0),
      whole(replies?.max ?? 0),
      judged(`p95 ≤ ${whole(MOST_REPLY_P95_MS)}`, (replies?.p95 ?? 0) <= MOST_REPLY_P95_MS && missing === 0),
    ]),
  }
}
