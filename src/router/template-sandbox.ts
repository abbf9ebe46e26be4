import { createRequire } from 'node:module'
import { createContext, Script } from 'node:vm'
import type { Context, Liquid, TopLevelToken } from 'liquidjs'
import { errorText } from '../messages/errors.ts'
import { TemplateFault } from './template-fault.ts'

/** Characters and items that one rendering may make on its way; far more than a text of that length needs. */
const MOST_MADE = 1_000_000
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

/** Characters and milliseconds. */
export interface TemplateBounds {
  readonly chars: number
  readonly time: number
}

export type ParsedTemplate = ReturnType<Liquid['parse']>

/** Liquid itself, within its bounds. To make one takes some hundredths of a second. */
export class TemplateSandbox {
  readonly #library: typeof import('liquidjs') = createRequire(import.meta.url)('liquidjs')
  readonly #liquid: Liquid
  readonly #watch = new Watch()
  readonly #time: number

  constructor(bounds: TemplateBounds) {
    this.#liquid = boundedLiquid(this.#library, bounds)
    this.#time = bounds.time
  }

  /** @throws TemplateFault */
  parse(body: string): ParsedTemplate {
    return this.#faultsTold(() => {
      checkRanges(new this.#library.Tokenizer(body).readTopLevelTokens(this.#liquid.options))
      return this.#liquid.parse(body)
    })
  }

  /** @throws TemplateFault */
  render(parsed: ParsedTemplate, scope: object): unknown {
    return this.#faultsTold(() => this.#liquid.renderSync(parsed, scope))
  }

  #faultsTold<T>(work: () => T): T {
    try {
      return this.#watch.within(this.#time, work)
    } catch (error) {
      throw this.#toFault(error)
    }
  }

  #toFault(error: unknown): TemplateFault {
    const { LiquidError, UndefinedVariableError } = this.#library
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
    if (isTime) return new TemplateFault(`it takes more than ${this.#time} ms`)
    if (/memory alloc limit/.test(errorText(error))) return new TemplateFault('it makes too much on its way')
    return new TemplateFault(errorText(error).split('\n')[0] ?? '')
  }
}

function boundedLiquid(library: typeof import('liquidjs'), { chars, time }: TemplateBounds): Liquid {
  const liquid = new library.Liquid({
    templates: {},
    dynamicPartials: false,
    strictVariables: true,
    strictFilters: true,
    lenientIf: true,
    ownPropertyOnly: true,
    timezoneOffset: 0,
    locale: 'en-US',
    parseLimit: chars,
    renderLimit: time,
    memoryLimit: MOST_MADE,
    outputEscape: written,
  })
  for (const name of REFUSED_TAGS) delete liquid.tags[name]
  for (const name of REFUSED_FILTERS) liquid.unregisterFilter(name)
  liquid.registerTag('capture', countedCapture(library))
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
function countedCapture({ CaptureTag }: typeof import('liquidjs')) {
  return class CountedCapture extends CaptureTag {
    override *render(context: Context): Generator<unknown, void, string> {
      yield* super.render(context)
      const captured: unknown = Reflect.get(context.bottom(), this.variable)
      if (typeof captured === 'string') context.memoryLimit.use(captured.length)
    }
  }
}

/**
 * A range that begins with a small number is bounded by its count; one that begins where adding 1 to a number changes
 * nothing would never end.
 */
function checkRanges(tokens: readonly TopLevelToken[]): void {
  for (const token of tokens) {
    const text = token.getText()
    if (!/^\{[{%]/.test(text)) continue
    for (const { index } of text.matchAll(/(?<!\.)\.\.(?!\.)/g)) {
      if (/\(\s*\d{1,6}\s*$/.test(text.slice(0, index))) continue
      const [line] = token.getPosition()
      throw new TemplateFault(`a range begins with a number, such as (1..count), line:${line}`)
    }
  }
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
