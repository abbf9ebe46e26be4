import { createContext, Script } from 'node:vm'
import { CaptureTag, type Context, Liquid, LiquidError, Tokenizer, UndefinedVariableError } from 'liquidjs'
import { errorText } from '../messages/errors.ts'
import type { Fields } from '../messages/incoming.ts'

/** Characters of a body, and of what it is rendered to. */
export const MOST_TEMPLATE_CHARS = 10_000
/** Characters and items that one rendering may make on its way; far more than a text of that length needs. */
const MOST_MADE = 1_000_000
/** Milliseconds that one rendering may take. It holds up all else in this process. */
const MOST_TIME_MS = 500
const MOST_PARSED = 500

/** They read files, or belong to those that do; `tablerow` makes HTML. */
const REFUSED_TAGS = ['include', 'render', 'layout', 'block', 'tablerow']
/** They parse a text as a part of the template while it is rendered: what is in the context would be run. */
const REFUSED_FILTERS = [
  'where_exp',
  'reject_exp',
  'group_by_exp',
  'has_exp',
  'find_exp',
  'find_index_exp',
  // It would be the way round the bound of the output, and without HTML there is nothing to keep raw.
  'raw',
]

/** Why a body cannot be parsed, or not be rendered with these values. The text names the line and, where known, the variable. */
export class TemplateFault extends Error {
  /** The variable that has no value. */
  readonly variable: string | null

  constructor(message: string, variable: string | null = null) {
    super(message)
    this.name = 'TemplateFault'
    this.variable = variable
  }
}

type Parsed = ReturnType<Liquid['parse']>

/**
 * Liquid, with what it may do bounded: no files, no partials, no variable without a value unless a default is given, no
 * way to anything but the plain values of the context, and an end to time and size. Dates are in UTC and in English
 * unless the template says otherwise. Nothing is escaped as HTML.
 */
export class TemplateEngine {
  readonly #liquid = boundedLiquid()
  readonly #watch = new Watch()
  readonly #parsed = new Map<string, Parsed>()

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
    const text = faultsTold(() => this.#watch.within(MOST_TIME_MS, () => this.#liquid.renderSync(parsed, scope)))
    // The length first: of a very long text it costs nothing, all else does.
    if (typeof text !== 'string' || text.length > MOST_TEMPLATE_CHARS) {
      throw new TemplateFault(`what it makes is longer than ${MOST_TEMPLATE_CHARS} characters`)
    }
    return text.toWellFormed()
  }

  #parse(body: string): Parsed {
    const known = this.#parsed.get(body)
    if (known !== undefined) return known
    if (body.trim() === '') throw new TemplateFault('a text is expected, not an empty one')
    if (body.length > MOST_TEMPLATE_CHARS)
      throw new TemplateFault(`at most ${MOST_TEMPLATE_CHARS} characters are expected`)
    const parsed = faultsTold(() =>
      this.#watch.within(MOST_TIME_MS, () => {
        checkRanges(body, this.#liquid)
        return this.#liquid.parse(body)
      }),
    )
    if (this.#parsed.size >= MOST_PARSED) this.#parsed.clear()
    this.#parsed.set(body, parsed)
    return parsed
  }
}

function boundedLiquid(): Liquid {
  const liquid = new Liquid({
    templates: {},
    dynamicPartials: false,
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
    ownPropertyOnly: true,
    timezoneOffset: 0,
    locale: 'en-US',
    parseLimit: MOST_TEMPLATE_CHARS,
    renderLimit: MOST_TIME_MS,
    memoryLimit: MOST_MADE,
    outputEscape: written,
  })
  for (const name of REFUSED_TAGS) delete liquid.tags[name]
  for (const name of REFUSED_FILTERS) liquid.unregisterFilter(name)
  liquid.registerTag('capture', CountedCapture)
  return liquid
}

/** Liquid counts what filters make, and not what is written. */
function written(this: unknown, value: unknown): string {
  const text = toText(value)
  if (hasContext(this)) this.context.memoryLimit.use(text.length)
  return text
}

function hasContext(filter: unknown): filter is { readonly context: Context } {
  return typeof filter === 'object' && filter !== null && 'context' in filter
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(toText).join('')
  if (typeof value === 'object') throw new TemplateFault('an object cannot be written: name one of its values')
  return String(value)
}

/** What is captured may be captured again, twice as long each time. */
class CountedCapture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    yield* super.render(context)
    const captured: unknown = Reflect.get(context.bottom(), this.variable)
    if (typeof captured === 'string') context.memoryLimit.use(captured.length)
  }
}

/**
 * A range that begins with a small number is bounded by its count; one that begins where adding 1 to a number changes
 * nothing would never end.
 */
function checkRanges(body: string, liquid: Liquid): void {
  for (const token of new Tokenizer(body).readTopLevelTokens(liquid.options)) {
    const text = token.getText()
    if (!/^\{[{%]/.test(text)) continue
    for (const { index } of text.matchAll(/(?<!\.)\.\.(?!\.)/g)) {
      if (/\(\s*\d{1,6}\s*$/.test(text.slice(0, index))) continue
      const [line] = token.getPosition()
      throw new TemplateFault(`a range begins with a number, such as (1..count), line:${line}`)
    }
  }
}

function faultsTold<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw toFault(error)
  }
}

function toFault(error: unknown): TemplateFault {
  if (error instanceof TemplateFault) return error
  // Of a stack that was used up, nothing may be asked that needs more of it.
  if (error instanceof RangeError) return new TemplateFault('it is nested too deeply, or makes too much')
  const cause = LiquidError.is(error) && error.originalError !== undefined ? error.originalError : error
  const missing = [error, cause].find((each) => each instanceof UndefinedVariableError) as Error | undefined
  if (missing !== undefined) {
    const [, variable = '', place = ''] = /undefined variable: (.*?)(, line:.*)?$/s.exec(missing.message) ?? []
    return new TemplateFault(`there is no value for "${variable}"${place}`, variable)
  }
  const isTime = /Script execution timed out|template render limit/.test(errorText(error))
  if (isTime) return new TemplateFault(`it takes more than ${MOST_TIME_MS} ms`)
  if (/memory alloc limit/.test(errorText(error))) return new TemplateFault('it makes too much on its way')
  return new TemplateFault(errorText(error).split('\n')[0] ?? '')
}

/**
 * Ends work that does not end. Liquid looks at the time between one tag and the next alone; a single filter or
 * expression may take as long as it likes.
 */
class Watch {
  readonly #box: { work: (() => unknown) | undefined } = { work: undefined }
  readonly #script = new Script('work()')

  constructor() {
    createContext(this.#box)
  }

  within<T>(milliseconds: number, work: () => T): T {
    const done: { result?: T } = {}
    this.#box.work = () => {
      done.result = work()
    }
    try {
      this.#script.runInContext(this.#box, { timeout: milliseconds })
      return done.result as T
    } finally {
      this.#box.work = undefined
    }
  }
}
