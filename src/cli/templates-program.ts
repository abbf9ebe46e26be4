import { type Command, InvalidArgumentError } from 'commander'
import type { Output } from './output.ts'

/** The commands that keep templates. */
export function addTemplates(program: Command, output: Output, exit: (code: number) => void): void {
  const templates = program.command('templates').description('keep the texts that are sent by their names')
  const command = (name: string, description: string) =>
    templates
      .command(name)
      .description(description)
      .option('--settings <file>', 'the settings file (default: settings.ts of this folder)')
      .option('--verbose', 'show the stack of an error')

  command('list', 'list the templates, those of the settings too')
    .option('--after <slug>', 'only those behind this one')
    .option('--limit <number>', 'how many, 1,000 at the most', wholeNumber, 100)
    .action(async (options) => exit(await (await import('./templates.ts')).listTemplates(options, output)))

  command('show', 'show a template, as JSON')
    .argument('<slug>', 'its name')
    .action(async (slug, options) => exit(await (await import('./templates.ts')).showTemplate(slug, options, output)))

  command('save', 'keep a template: its text is read from the standard input, or from a file')
    .argument('<slug>', 'its name: letters, digits, - and _')
    .option('--file <file>', 'where its text stands; - is the standard input')
    .option('--language <tag>', 'the text is that of this language, such as sw; the others stay')
    .option('--active', 'it may be sent')
    .option('--no-active', 'nothing of it is sent')
    .option('--lock', 'take no change until it is unlocked')
    .option('--unlock', 'take changes again, this one too')
    .option('--duplicates', 'one person may get it twice about the same thing')
    .option('--no-duplicates', 'one person gets it once about the same thing')
    .action(async (slug, options, command: Command) => {
      if (options.lock === true && options.unlock === true) command.error('give --lock or --unlock, not both')
      exit(await (await import('./templates.ts')).saveTemplate(slug, options, output))
    })

  command('remove', 'remove a template; messages made of it keep their texts')
    .argument('<slug>', 'its name')
    .action(async (slug, options) => exit(await (await import('./templates.ts')).removeTemplate(slug, options, output)))

  command('render', 'print the text that somebody would get')
    .argument('<slug>', 'its name')
    .option('--language <tag>', 'that person’s language')
    .option('--context <json>', 'the values of its variables')
    .action(async (slug, options) => exit(await (await import('./templates.ts')).renderTemplate(slug, options, output)))
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A whole number is expected.')
}
