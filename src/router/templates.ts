import { InvalidInputError } from '../messages/errors.ts'
import type { Fields, Text } from '../messages/incoming.ts'
import { chooseTag } from '../messages/language.ts'
import { faultOfJsonObject, type JsonLimits } from '../messages/plain-json.ts'
import { DocumentConflictError } from '../store/errors.ts'
import type { StoredTemplate, TemplateStore } from '../store/template-store.ts'
import { bodyFaults, isSlug } from './template-body.ts'
import { type TemplateEngine, TemplateFault } from './template-engine.ts'

/** A template of the settings. */
export interface FixedTemplate {
  readonly body: Text
  readonly active: boolean
  readonly allowDuplicates: boolean
}

/** A text with places to fill in, kept under a name. */
export interface Template extends FixedTemplate {
  /** What it is called by. */
  readonly slug: string
  /** Not to be changed or removed until it is unlocked; those of the settings always are. */
  readonly locked: boolean
  readonly source: 'settings' | 'store'
  /** Null for those of the settings. */
  readonly createdAt: Date | null
  readonly changedAt: Date | null
}

/** What to save; of a template that is there already, what is left out stays as it is. */
export interface TemplateInput {
  /** Letters of ASCII, digits, `-` and `_`; 100 characters at the most. */
  readonly slug: string
  /** Liquid; needed for a new one. */
  readonly body?: Text
  /** Nothing is sent of a template that is not; true by default. */
  readonly active?: boolean
  /** False by default. A locked one takes no change unless it is unlocked by it. */
  readonly locked?: boolean
  /** Whether one person may get it twice about the same thing; true by default. */
  readonly allowDuplicates?: boolean
}

export interface TemplateList {
  readonly templates: readonly Template[]
  /** What `after` is for the next page; null on the last. */
  readonly next: string | null
}

export interface TemplatesParts {
  readonly store: { readonly templates: TemplateStore }
  readonly engine: TemplateEngine
  /** The templates of the settings, by their slugs. */
  readonly fixed: ReadonlyMap<string, FixedTemplate>
  /** The project's languages, the first one first. */
  readonly languages: readonly string[]
  readonly now: () => number
}

const PAGE = 100
const LARGEST_PAGE = 1_000
const MOST_CONFLICTS = 10
const CONTEXT_LIMITS: JsonLimits = { length: 100_000, depth: 16 }

/**
 * The templates of the settings and those of the store. Those of the settings are locked, and hide one of the store
 * with the same slug.
 */
export class Templates {
  readonly #parts: TemplatesParts

  constructor(parts: TemplatesParts) {
    this.#parts = parts
  }

  async get(slug: string): Promise<Template | undefined> {
    const fixed = this.#parts.fixed.get(slug)
    if (fixed !== undefined) return ofSettings(slug, fixed)
    const stored = isSlug(slug) ? await this.#parts.store.templates.get(slug) : undefined
    return stored === undefined ? undefined : ofStore(stored)
  }

  /**
   * By their slugs.
   * @param page `after` is the slug that the page begins behind; `limit` 100 by default, 1,000 at the most
   */
  async list(page: { readonly after?: string; readonly limit?: number } = {}): Promise<TemplateList> {
    const { after = '', limit: asked = PAGE } = page
    const limit = Math.max(1, Math.min(LARGEST_PAGE, Math.trunc(asked)))
    const { store, fixed } = this.#parts
    const stored = await store.templates.list({ after, limit: limit + 1 })
    const own = [...fixed].filter(([slug]) => slug > after).map(([slug, template]) => ofSettings(slug, template))
    const all = [...own, ...stored.filter(({ slug }) => !fixed.has(slug)).map(ofStore)].sort(bySlug)
    const isWhole = stored.length <= limit && all.length <= limit
    // Behind the last that was read of the store, one of the settings may stand before others of the store.
    const end = stored.length > limit ? (stored.at(-1)?.slug ?? '') : undefined
    const known = end === undefined ? all : all.filter(({ slug }) => slug <= end)
    const templates = known.slice(0, limit)
    return { templates, next: isWhole ? null : (templates.at(-1)?.slug ?? end ?? null) }
  }

  /**
   * Keeps a new template, or changes one.
   * @throws InvalidInputError naming what is wrong, with language and line for the syntax; or that it is locked
   */
  async save(input: TemplateInput): Promise<Template> {
    this.#check(input)
    const { templates } = this.#parts.store
    for (let conflicts = 0; conflicts < MOST_CONFLICTS; conflicts++) {
      const standing = await templates.get(input.slug)
      if (standing?.locked === true && input.locked !== false) throw lockedError(input.slug)
      const body = input.body ?? standing?.body
      if (body === undefined) throw new InvalidInputError(`template "${input.slug}": a new one needs a body`)
      const now = this.#parts.now()
      const template: StoredTemplate = {
        slug: input.slug,
        body,
        active: input.active ?? standing?.active ?? true,
        locked: input.locked ?? standing?.locked ?? false,
        allowDuplicates: input.allowDuplicates ?? standing?.allowDuplicates ?? true,
        createdAt: standing?.createdAt ?? now,
        changedAt: now,
        version: (standing?.version ?? 0) + 1,
      }
      if (await templates.put(template)) return ofStore(template)
    }
    throw new DocumentConflictError(`The template "${input.slug}" is being changed by others all the time.`)
  }

  /**
   * @returns whether there was one
   * @throws InvalidInputError when it is locked
   */
  async remove(slug: string): Promise<boolean> {
    if (this.#parts.fixed.has(slug)) throw ofSettingsError(slug)
    const { templates } = this.#parts.store
    for (let conflicts = 0; conflicts < MOST_CONFLICTS; conflicts++) {
      const standing = isSlug(slug) ? await templates.get(slug) : undefined
      if (standing === undefined) return false
      if (standing.locked) throw lockedError(slug)
      if (await templates.remove(slug, standing.version)) return true
    }
    throw new DocumentConflictError(`The template "${slug}" is being changed by others all the time.`)
  }

  /**
   * The text as somebody of this language gets it. No rule is asked, and an inactive template is rendered too.
   * @param language a BCP 47 tag, or null where it is not known
   * @param context plain JSON; `contact` in it is what the template sees as the person
   * @throws InvalidInputError naming slug, language and, where one has no value, the variable
   */
  async render(slug: string, language: string | null, context: Fields = {}): Promise<string> {
    return this.rendered(await this.needed(slug), language, checkedContext(context))
  }

  /** @throws InvalidInputError when there is none */
  async needed(slug: string): Promise<Template> {
    const template = await this.get(slug)
    if (template !== undefined) return template
    throw new InvalidInputError(`template: there is no template "${String(slug).slice(0, 100)}"`)
  }

  /** @param context checked already */
  rendered({ slug, body }: Template, language: string | null, context: Fields): string {
    const tag = typeof body === 'string' ? null : chooseTag(Object.keys(body), language, this.#parts.languages)
    const chosen = typeof body === 'string' ? body : (body[tag ?? ''] ?? '')
    const place = `template "${slug}"${tag === null ? '' : ` (${tag})`}`
    try {
      return this.fill(chosen, context)
    } catch (error) {
      if (error instanceof TemplateFault) throw new InvalidInputError(`${place}: ${error.message}`)
      throw error
    }
  }

  /**
   * What a body that is kept nowhere makes of these values.
   * @param context checked already
   * @throws TemplateFault
   */
  fill(body: string, context: Fields): string {
    const text = this.#parts.engine.render(body, context)
    if (text.trim() === '') throw new TemplateFault('what it makes is empty')
    return text
  }

  #check(input: TemplateInput): void {
    const slug: unknown = input.slug
    if (!isSlug(slug)) {
      throw new InvalidInputError('slug: letters of ASCII, digits, "-" and "_" are expected, 100 at the most')
    }
    if (this.#parts.fixed.has(slug)) throw ofSettingsError(slug)
    for (const name of ['active', 'locked', 'allowDuplicates'] as const) {
      const value: unknown = input[name]
      if (value !== undefined && typeof value !== 'boolean')
        throw new InvalidInputError(`${name}: true or false is expected`)
    }
    const body: unknown = input.body
    const faults = body === undefined ? [] : bodyFaults(body, this.#parts.engine)
    if (faults.length === 0) return
    const told = faults.map(({ language, message }) =>
      language === null ? message : `${language.slice(0, 50)}: ${message}`,
    )
    throw new InvalidInputError(`template "${slug}": ${told.join('; ')}`)
  }
}

/**
 * @returns a copy
 * @throws InvalidInputError when it is not plain JSON, or too large
 */
export function checkedContext(context: unknown): Fields {
  const fault = faultOfJsonObject('context', context, CONTEXT_LIMITS)
  if (fault !== undefined) throw new InvalidInputError(fault)
  return JSON.parse(JSON.stringify(context)) as Fields
}

function ofSettings(slug: string, { body, active, allowDuplicates }: FixedTemplate): Template {
  const rest = { locked: true, source: 'settings', createdAt: null, changedAt: null } as const
  return { slug, body, active, allowDuplicates, ...rest }
}

function ofStore({ version: _, createdAt, changedAt, ...template }: StoredTemplate): Template {
  return { ...template, source: 'store', createdAt: new Date(createdAt), changedAt: new Date(changedAt) }
}

/** As the stores order them. */
function bySlug(a: Template, b: Template): number {
  return a.slug < b.slug ? -1 : 1
}

function lockedError(slug: string): InvalidInputError {
  return new InvalidInputError(`template "${slug}": it is locked; save it with locked: false to change or remove it`)
}

function ofSettingsError(slug: string): InvalidInputError {
  return new InvalidInputError(`template "${slug}": it stands in the settings, and is changed there`)
}
