import { InvalidInputError } from '../messages/errors.ts'
import { shown } from '../messages/person.ts'
import { type ImportLine, type ImportResult, STAGED_KEPT_MS } from '../store/directory-store.ts'
import { readHeader } from './contact-columns.ts'
import { type LineFault, LineReader } from './contact-lines.ts'
import { type CsvEncoding, csvRecords } from './csv-records.ts'
import type { DirectoryParts } from './directory-parts.ts'

export interface ContactImportOptions {
  /** Over which numbers are reached where a line does not say it; by default the first that can send. */
  readonly backend?: string
  readonly encoding?: CsvEncoding
  /** Writes nothing, and tells what would be done. */
  readonly dryRun?: boolean
  /** Leaves out the lines that are bad; else one of them keeps back all. */
  readonly skipBad?: boolean
  readonly keepUnknown?: boolean
  /** Lets `no` in the column opted_out take back an opt-out. */
  readonly optIn?: boolean
  /** Told each fault as it is found; the report has the first thousand. */
  readonly onFault?: (fault: LineFault) => void
}

export interface ContactImportReport {
  readonly created: number
  readonly updated: number
  readonly badLines: number
  /** The first thousand. */
  readonly faults: readonly LineFault[]
  /** Whether anything was written. */
  readonly applied: boolean
}

const LINES_PER_COMMIT = 250
const MOST_FAULTS = 1_000

/** Reads, checks and stages line by line, then applies all in one commit. */
export async function importContacts(
  parts: DirectoryParts,
  bytes: AsyncIterable<Uint8Array>,
  options: ContactImportOptions,
): Promise<ContactImportReport> {
  const { directory } = parts.store
  const importId = parts.newId()
  const faults = new Faults(options.onFault)
  await directory.dropImport(importId, parts.now() - STAGED_KEPT_MS)
  let isOver = false
  try {
    const lines = await stage(parts, importId, checkedLines(parts, bytes, options, faults))
    const { skipBad = false, dryRun = false } = options
    const isRefused = faults.badLines > 0 && !skipBad
    const request = { importId, lines, at: parts.now(), skipConflicts: skipBad, dryRun: dryRun || isRefused }
    const result = await directory.applyImport(request)
    isOver = result.applied
    tellConflicts(result, faults)
    const { created, updated, applied } = result
    return { created, updated, badLines: faults.badLines, faults: faults.first, applied }
  } finally {
    if (!isOver) await directory.dropImport(importId, 0)
  }
}

/** @returns how many lines were staged */
async function stage(
  { store: { directory }, now }: DirectoryParts,
  importId: string,
  lines: AsyncIterable<ImportLine>,
): Promise<number> {
  let count = 0
  let batch: ImportLine[] = []
  const flush = async () => {
    const given = batch
    batch = []
    count += given.length
    if (given.length > 0) await directory.stageImport(importId, given, now())
  }
  for await (const line of lines) {
    batch.push(line)
    if (batch.length === LINES_PER_COMMIT) await flush()
  }
  await flush()
  return count
}

async function* checkedLines(
  parts: DirectoryParts,
  bytes: AsyncIterable<Uint8Array>,
  options: ContactImportOptions,
  faults: Faults,
): AsyncGenerator<ImportLine> {
  const { keepUnknown = false, optIn = false } = options
  const backend = homeBackend(parts, options.backend)
  let reader: LineReader | undefined
  for await (const record of csvRecords(bytes, options.encoding)) {
    if (reader === undefined) {
      reader = new LineReader(parts, readHeader(record.cells), { backend, keepUnknown, optIn })
      continue
    }
    const read = reader.read(record)
    if ('connections' in read) yield read
    else faults.add(read)
  }
}

function homeBackend({ backends }: DirectoryParts, given: string | undefined): string {
  if (given !== undefined && !backends.has(given)) {
    throw new InvalidInputError(
      `backend: there is no backend ${shown(given)}; there are ${[...backends.keys()].join(', ')}`,
    )
  }
  for (const [name, { send, copies }] of backends) if (send !== undefined && copies === undefined) return given ?? name
  return given ?? [...backends.keys()][0] ?? ''
}

function tellConflicts({ conflicts, conflictCount }: ImportResult, faults: Faults): void {
  for (const { line, contacts } of conflicts) {
    const message = `the numbers of the line belong to different contacts: ${contacts.join(', ')}`
    faults.add([{ line, column: 'number', message }])
  }
  faults.badLines += conflictCount - conflicts.length
}

class Faults {
  badLines = 0
  readonly first: LineFault[] = []
  readonly #tell: (fault: LineFault) => void

  constructor(tell: (fault: LineFault) => void = () => {}) {
    this.#tell = tell
  }

  /** @param ofLine all faults of one line */
  add(ofLine: readonly LineFault[]): void {
    this.badLines++
    for (const fault of ofLine) {
      if (this.first.length < MOST_FAULTS) this.first.push(fault)
      this.#tell(fault)
    }
  }
}
