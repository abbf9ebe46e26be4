import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'

export interface ContactsExportOptions extends CommonOptions {
  readonly group?: string
  readonly plain?: boolean
}

/** For the owner alone: names and numbers. */
const MODE = 0o600

/**
 * Writes people as CSV, page by page.
 * @param file where to, or `-` for standard output
 */
export async function exportFile(file: string, options: ContactsExportOptions, output: Output): Promise<number> {
  const { group, plain = false } = options
  await besideServer(options, async ({ router }) => {
    if (group !== undefined && (await router.contacts.list({ group }, { limit: 1 })).items.length === 0) {
      output.err(`nobody is in a group "${group}"`)
    }
    const text = router.contacts.export(group === undefined ? {} : { group }, { plain })
    if (file === '-') await toStandardOutput(text)
    else await pipeline(text, createWriteStream(file, { mode: MODE }))
  })
  if (file !== '-') output.out(`written to ${file}`)
  return 0
}

/** A reader that wants no more is no fault of ours. */
async function toStandardOutput(text: AsyncIterable<string>): Promise<void> {
  for await (const part of text) {
    const isTaken = await new Promise<boolean>((resolve) => process.stdout.write(part, (error) => resolve(!error)))
    if (!isTaken) return
  }
}
