import { createReadStream } from 'node:fs'
import { errorText, InvalidInputError } from '../messages/errors.ts'
import type { ContactImportReport } from '../router/contact-import.ts'
import type { CsvEncoding } from '../router/csv-records.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'

export interface ContactsImportOptions extends CommonOptions {
  readonly dryRun?: boolean
  readonly skipBad?: boolean
  readonly keepUnknown?: boolean
  readonly optIn?: boolean
  readonly backend?: string
  readonly encoding?: CsvEncoding
}

/** Takes people from a CSV file, beside a server or not. Faults of lines go to standard error as they are found. */
export async function importFile(file: string, options: ContactsImportOptions, output: Output): Promise<number> {
  const { settings, verbose, ...rest } = options
  const common = { ...(settings === undefined ? {} : { settings }), ...(verbose === undefined ? {} : { verbose }) }
  const report = await besideServer(common, ({ router }) =>
    router.contacts.import(bytesOf(file), {
      ...rest,
      onFault: ({ line, column, message }) => output.err(`line ${line}, ${column}: ${message}`),
    }),
  )
  const { created, updated, badLines, applied } = report
  const bad = badLines === 0 ? '' : `; ${badLines} bad ${badLines === 1 ? 'line' : 'lines'} left out`
  if (applied || options.dryRun === true) {
    output.out(`${created} new, ${updated} updated${bad}${applied ? '' : ' (dry run: nothing was written)'}`)
  } else output.err(`${countOf(report)}; nothing was written. Correct the file, or use --skip-bad`)
  return badLines === 0 || options.skipBad === true ? 0 : 1
}

function countOf({ badLines }: ContactImportReport): string {
  return badLines === 1 ? '1 line is bad' : `${badLines} lines are bad`
}

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    const stream: AsyncIterable<Uint8Array> = file === '-' ? process.stdin : createReadStream(file)
    yield* stream
  } catch (error) {
    throw new InvalidInputError(`${file === '-' ? 'standard input' : file} cannot be read: ${errorText(error)}`, {
      cause: error,
    })
  }
}
