import { type Template, Templates, type TemplatesParts } from './templates.ts'

/** So long a change may take to be seen by a broadcast that is under way. */
const REMEMBERED_MS = 1_000

/** The templates for who asks for the same one over and over: each is read once a second. */
export class RememberedTemplates extends Templates {
  readonly #now: () => number
  readonly #known = new Map<string, { readonly template: Promise<Template | undefined>; readonly until: number }>()

  constructor(parts: TemplatesParts) {
    super(parts)
    this.#now = parts.now
  }

  override get(slug: string): Promise<Template | undefined> {
    const now = this.#now()
    const known = this.#known.get(slug)
    if (known !== undefined && known.until > now) return known.template
    for (const [other, { until }] of this.#known) if (until <= now) this.#known.delete(other)
    const template = super.get(slug)
    this.#known.set(slug, { template, until: now + REMEMBERED_MS })
    // What could not be read is asked for again.
    template.catch(() => this.#known.delete(slug))
    return template
  }
}
