import { type Command, Option } from 'commander'
import { csvEncodings } from '../router/csv-records.ts'
import type { Output } from './output.ts'

/** Adds `contacts import` and `contacts export`. */
export function addContacts(program: Command, output: Output, exit: (code: number) => void): void {
  const contacts = program.command('contacts').description('take people from CSV files, and write them')
  const command = (name: string, description: string) =>
    contacts
      .command(name)
      .description(description)
      .option('--settings <file>', 'the settings file (default: settings.ts of this folder)')
      .option('--verbose', 'show the stack of an error')

  command('import', 'take people from a CSV file; those who are there are updated by their numbers')
    .argument('<file>', 'the file, or - for standard input')
    .option('--dry-run', 'write nothing; say what would be done')
    .option('--skip-bad', 'leave out the lines that are bad, and take the others')
    .option('--keep-unknown', 'keep numbers that are not known as they are')
    .option('--opt-in', 'let "no" in the column opted_out take back an opt-out')
    .option('--backend <name>', 'over which numbers are reached (default: the first that can send)')
    .addOption(
      new Option('--encoding <name>', 'of the file (default: UTF-8, or UTF-16 by its mark)').choices(csvEncodings),
    )
    .action(async (file, options) =>
      exit(await (await import('./contacts-import.ts')).importFile(file, options, output)),
    )

  command('export', 'write people as CSV')
    .argument('[file]', 'the file; standard output unless given', '-')
    .option('--group <name>', 'only who is in this group')
    .option('--plain', 'for programs: without what spreadsheets need')
    .action(async (file, options) =>
      exit(await (await import('./contacts-export.ts')).exportFile(file, options, output)),
    )
}
