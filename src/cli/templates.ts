import { readFileSync } from 'node:fs'
import { InvalidInputError } from '../messages/errors.ts'
import type { Fields, Text } from '../messages/incoming.ts'
import type { Template } from '../router/templates.ts'
import { besideServer, type CommonOptions } from './open.ts'
import type { Output } from './output.ts'
import { table } from './routes.ts'

export interface ListOptions extends CommonOptions {
  readonly after?: string
  readonly limit: number
}

export interface SaveOptions extends CommonOptions {
  readonly file?: string
  readonly language?: string
  readonly active?: boolean
  readonly lock?: boolean
  readonly unlock?: boolean
  readonly duplicates?: boolean
}

export interface RenderOptions extends CommonOptions {
  readonly language?: string
  readonly context?: string
}

const STANDARD_INPUT = 0
const SHOWN_BODY = 40

/** Lists the templates of the settings and of the store. */
export async function listTemplates({ after, limit, ...options }: ListOptions, output: Output): Promise<number> {
  return besideServer(options, async ({ router }) => {
    const { templates, next } = await router.templates.list({ limit, ...(after === undefined ? {} : { after }) })
    if (templates.length === 0) output.out('There are no templates.')
    else
      for (const line of table([['SLUG', 'SOURCE', 'MARKS', 'LANGUAGES', 'TEXT'], ...templates.map(rowOf)]))
        output.out(line)
    if (next !== null) output.out(`There are more: --after ${next}`)
    return 0
  })
}

/** Shows one template, as JSON. */
export async function showTemplate(slug: string, options: CommonOptions, output: Output): Promise<number> {
  return besideServer(options, async ({ router }) => {
    output.out(JSON.stringify(await router.templates.needed(slug), null, 2))
    return 0
  })
}

/** Keeps a template; its text is that of a file, or of the standard input, unless marks alone change. */
export async function saveTemplate(slug: string, options: SaveOptions, output: Output): Promise<number> {
  const { active, lock, unlock, duplicates } = options
  const isMark = [active, lock, unlock, duplicates].some((mark) => mark !== undefined)
  const text = options.file === undefined && isMark ? undefined : textOf(options.file)
  return besideServer(options, async ({ router }) => {
    const body = text === undefined ? undefined : await bodyOf(text, options.language, await router.templates.get(slug))
    await router.templates.save({
      slug,
      ...(body === undefined ? {} : { body }),
      ...(active === undefined ? {} : { active }),
      ...(lock === true ? { locked: true } : unlock === true ? { locked: false } : {}),
      ...(duplicates === undefined ? {} : { allowDuplicates: duplicates }),
    })
    output.out(`${slug} is saved`)
    return 0
  })
}

export async function removeTemplate(slug: string, options: CommonOptions, output: Output): Promise<number> {
  return besideServer(options, async ({ router }) => {
    if (!(await router.templates.remove(slug))) throw new InvalidInputError(`template: there is no template "${slug}"`)
    output.out(`${slug} is removed`)
    return 0
  })
}

/** Prints the text that somebody would get. */
export async function renderTemplate(slug: string, options: RenderOptions, output: Output): Promise<number> {
  const context = contextOf(options.context)
  return besideServer(options, async ({ router }) => {
    const language = options.language ?? null
    const contact = { name: null, language }
    output.out(await router.templates.render(slug, language, { contact, ...context }))
    return 0
  })
}

function textOf(file: string | undefined): string {
  // An editor ends the last line of a file; the text of a message does not end there.
  return readFileSync(file === undefined || file === '-' ? STANDARD_INPUT : file, 'utf8').replace(/\r?\n$/, '')
}

/** The text of one language joins those that are there. */
async function bodyOf(text: string, language: string | undefined, standing: Template | undefined): Promise<Text> {
  if (language === undefined) return text
  const others = standing === undefined || typeof standing.body === 'string' ? {} : standing.body
  return { ...others, [language]: text }
}

function contextOf(given: string | undefined): Fields {
  if (given === undefined) return {}
  const fault = `--context: JSON is expected, such as '{"name":"Ann"}'`
  let values: unknown
  try {
    values = JSON.parse(given)
  } catch {
    throw new InvalidInputError(fault)
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) throw new InvalidInputError(fault)
  return { ...values }
}

function rowOf({ slug, source, body, active, locked, allowDuplicates }: Template): readonly string[] {
  const marks = [active ? [] : 'inactive', locked ? 'locked' : [], allowDuplicates ? [] : 'once'].flat()
  const [first = ''] = typeof body === 'string' ? [body] : Object.values(body)
  const languages = typeof body === 'string' ? '' : Object.keys(body).join(', ')
  const line = first.replace(/[\s\p{Cc}]+/gu, ' ')
  const shown = line.length > SHOWN_BODY ? `${line.slice(0, SHOWN_BODY - 1)}…` : line
  return [slug, source, marks.join(', ') || '-', languages || '-', shown]
}
