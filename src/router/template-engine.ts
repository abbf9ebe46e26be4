import { errorText } from '../messages/errors.ts'
import type { Fields } from '../messages/incoming.ts'
import { TemplateFault } from './template-fault.ts'
import { type ParsedTemplate, TemplateSandbox } from './template-sandbox.ts'

export { TemplateFault } from './template-fault.ts'

/** Characters of a body, and of what it is rendered to. */
export const MOST_TEMPLATE_CHARS = 10_000
/** Milliseconds that one rendering may take. It holds up all else in this process. */
const MOST_TIME_MS = 500
const MOST_PARSED = 500

/**
 * Liquid, with what it may do bounded: no files, no partials, no variable without a value unless a default is given, no
 * way to anything but the plain values of the context, and an end to time and size. Dates are in UTC and in English
 * unless the template says otherwise. Nothing is escaped as HTML.
 */
export class TemplateEngine {
  readonly #parsed = new Map<string, ParsedTemplate>()
  #made: TemplateSandbox | undefined

  /** Made when it is needed: many a switchboard renders nothing, and all wait for their start. */
  get #sandbox(): TemplateSandbox {
    this.#made ??= new TemplateSandbox({ chars: MOST_TEMPLATE_CHARS, time: MOST_TIME_MS })
    return this.#made
  }

  /** @returns what is wrong with the body, or undefined */
  fault(body: string): string | undefined {
    try {
      this.#parse(body)
      return undefined
    } catch (error) {
      return errorText(error)
    }
  }

  /**
   * @param values plain JSON; it is not changed
   * @throws TemplateFault
   */
  render(body: string, values: Fields): string {
    const parsed = this.#parse(body)
    const scope = structuredClone(values) as object
    const text = this.#sandbox.render(parsed, scope)
    // The length first: of a very long text it costs nothing, all else does.
    if (typeof text !== 'string' || text.length > MOST_TEMPLATE_CHARS) {
      throw new TemplateFault(`what it makes is longer than ${MOST_TEMPLATE_CHARS} characters`)
    }
    return text.toWellFormed()
  }

  #parse(body: string): ParsedTemplate {
    const known = this.#parsed.get(body)
    if (known !== undefined) return known
    if (body.trim() === '') throw new TemplateFault('a text is expected, not an empty one')
    if (body.length > MOST_TEMPLATE_CHARS)
      throw new TemplateFault(`at most ${MOST_TEMPLATE_CHARS} characters are expected`)
    const parsed = this.#sandbox.parse(body)
    if (this.#parsed.size >= MOST_PARSED) this.#parsed.clear()
    this.#parsed.set(body, parsed)
    return parsed
  }
}
