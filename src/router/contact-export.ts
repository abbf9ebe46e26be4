import { stringify } from 'csv-stringify/sync'
import type { Connection } from '../messages/incoming.ts'
import type { ContactFilter, ListedContact } from '../store/directory-store.ts'
import { guarded, unmistaken } from './cell-guard.ts'
import { columns } from './contact-columns.ts'
import type { DirectoryParts } from './directory-parts.ts'
import { joinedCell } from './split-cell.ts'

export interface ExportOptions {
  /** For programs: without the mark and the apostrophes that spreadsheets need. */
  readonly plain?: boolean
}

const PAGE = 500
const BYTE_ORDER_MARK = '\ufeff'

/** The text of a CSV file, page by page. Who is changed while it goes on may be in it as before or as after. */
export async function* exportContacts(
  parts: Pick<DirectoryParts, 'store' | 'backends' | 'identities'>,
  filter: ContactFilter,
  { plain = false }: ExportOptions,
): AsyncGenerator<string> {
  const cellOf = plain ? unmistaken : guarded
  const lines = (rows: readonly (readonly string[])[]) =>
    stringify(
      rows.map((row) => row.map(cellOf)),
      { record_delimiter: '\r\n' },
    )
  yield (plain ? '' : BYTE_ORDER_MARK) + lines([columns])
  let after: string | undefined
  for (;;) {
    const page = { ...filter, limit: PAGE, ...(after === undefined ? {} : { after }) }
    const contacts = await parts.store.directory.list(page)
    if (contacts.length > 0) yield lines(contacts.map((contact) => rowOf(parts, contact)))
    after = contacts.at(-1)?.id
    if (contacts.length < PAGE) return
  }
}

function rowOf(parts: Pick<DirectoryParts, 'backends' | 'identities'>, contact: ListedContact): readonly string[] {
  const { connections, groups } = contact
  const home = connections.find(({ backend }) => parts.backends.has(backend)) ?? connections[0]
  const isNumber = (each: Connection) => hasNumbers(parts, each.backend) && !parts.identities.isUnknownNumber(each)
  const cellOf = (which: readonly Connection[]) =>
    joinedCell(
      which.map(({ backend, identity }) => {
        const isPlain = backend === home?.backend && !identity.includes(':')
        return isPlain ? identity : `${backend}:${identity}`
      }),
    )
  const cells: Record<(typeof columns)[number], string> = {
    name: contact.name,
    number: cellOf(connections.filter(isNumber)),
    backend: home?.backend ?? '',
    identity: cellOf(connections.filter((each) => !isNumber(each))),
    language: contact.language ?? '',
    time_zone: contact.timeZone ?? '',
    groups: joinedCell(groups),
    opted_out: contact.optedOutAt === null ? 'no' : 'yes',
  }
  return columns.map((column) => cells[column])
}

function hasNumbers({ backends }: Pick<DirectoryParts, 'backends'>, backend: string): boolean {
  return (backends.get(backend)?.common.numbers ?? false) !== false
}
