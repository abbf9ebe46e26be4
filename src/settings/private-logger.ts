import { SwitchboardError } from '../messages/errors.ts'
import { type Logger, silentLogger } from '../messages/logger.ts'
import { ProviderError } from '../router/errors.ts'
import { maskIdentity } from '../router/mask.ts'
import { MASK, withoutText, withoutWhole } from './text-mask.ts'

/** What may stand in a log. */
export interface Privacy {
  /** Whether texts of messages are written. */
  readonly texts: boolean
  /** Whether numbers are written in full. */
  readonly numbers: boolean
  /** Never written, wherever they turn up. */
  readonly secrets: ReadonlySet<string>
  /** The least that is written; nothing below it is looked at. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/**
 * The one place that decides what of a message a log may show. Who logs gives what it has: the field `identity` is
 * masked, `text` is left out, and what errors say of either is taken out of them, unless the settings allow it. What
 * cannot be looked at is not written; nothing is thrown for it.
 */
export function privateLogger(logger: Logger, privacy: Privacy): Logger {
  if (logger === silentLogger) return logger
  const cleaner = new Cleaner(privacy)
  const least = privacy.level === 'silent' ? LEVELS.length : LEVELS.indexOf(privacy.level)
  const write = (level: (typeof LEVELS)[number]): Logger['info'] => {
    if (LEVELS.indexOf(level) < least) return silentLogger[level]
    return (fields, message) => {
      const cleaned = orElse(() => cleaner.fields(fields), { fields: MASK })
      logger[level](
        cleaned,
        orElse(() => cleaner.message(message, fields), MASK),
      )
    }
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** Who logs a failure has it to deal with: whatever they log, they are not given another one. */
function orElse<Cleaned>(clean: () => Cleaned, masked: Cleaned): Cleaned {
  try {
    return clean()
  } catch {
    return masked
  }
}

// Ours through and through: not worth looking at, and on every line.
const PLAIN = new Set(['id', 'backend', 'state', 'method', 'class', 'phase', 'inResponseTo'])
const TEXTS = new Set(['text', 'rawText', 'fields', 'params', 'responses'])
const LONGEST = 2_000
const DEEPEST = 5

type Fields = Readonly<Record<string, unknown>>

class Cleaner {
  readonly #privacy: Privacy
  readonly #secrets: RegExp | undefined

  constructor(privacy: Privacy) {
    this.#privacy = privacy
    const longestFirst = [...privacy.secrets].sort((a, b) => b.length - a.length)
    this.#secrets = longestFirst.length === 0 ? undefined : new RegExp(longestFirst.map(escaped).join('|'), 'g')
  }

  fields(fields: object): object {
    if (fields instanceof Error) return { err: this.#error(fields, {}, 0) }
    return this.#object(fields as Fields, fields as Fields, 0)
  }

  /** A message in words that tells who wrote what. */
  message(message: string, { identity, text }: { readonly identity?: unknown; readonly text?: unknown }): string {
    if (typeof identity !== 'string' || typeof text !== 'string') return message
    if (identity === '' || !message.includes(identity) || !message.includes(text)) return message
    const { texts, numbers } = this.#privacy
    const masked = texts || text === '' ? message : withoutWhole(message, text)
    return numbers ? masked : masked.replaceAll(identity, maskIdentity(identity))
  }

  #object(object: Fields, about: Fields, depth: number): object {
    const { texts, numbers } = this.#privacy
    const cleaned: Record<string, unknown> = {}
    for (const key of Object.keys(object)) {
      const value = object[key]
      if (typeof value === 'string') {
        if (key === 'identity' && !numbers) cleaned[key] = maskIdentity(value)
        else if (key === 'error') cleaned[key] = this.#scrubbed(value, about)
        else if (PLAIN.has(key)) cleaned[key] = value
        else if (texts || !TEXTS.has(key)) cleaned[key] = this.#withoutSecrets(value)
      } else if (typeof value !== 'object' || value === null) {
        cleaned[key] = value
      } else if (texts || !TEXTS.has(key)) {
        cleaned[key] = this.#value(key, value, about, depth + 1)
      }
    }
    return cleaned
  }

  #value(key: string, value: object, about: Fields, depth: number): unknown {
    if (value instanceof Error) return this.#error(value, about, depth)
    if (value instanceof Date) return value
    if (depth > DEEPEST) return '[deeper]'
    if (!Array.isArray(value)) {
      return key === 'errors'
        ? this.#everyText(value as Fields, about, depth)
        : this.#object(value as Fields, about, depth)
    }
    return (value as readonly unknown[]).map((item) => {
      if (typeof item === 'string') return key === 'errors' ? this.#scrubbed(item, about) : this.#withoutSecrets(item)
      return typeof item === 'object' && item !== null ? this.#value(key, item, about, depth + 1) : item
    })
  }

  /** What forms say of what came in: under any name there may be a piece of it. */
  #everyText(errors: Fields, about: Fields, depth: number): object {
    return Object.fromEntries(
      Object.entries(errors).map(([name, value]) => {
        if (typeof value === 'string') return [name, this.#scrubbed(value, about)]
        return [
          name,
          typeof value === 'object' && value !== null ? this.#value('errors', value, about, depth + 1) : value,
        ]
      }),
    )
  }

  /** Only what is known of errors: other properties of theirs hold requests, headers, whole messages. */
  #error(error: Error, about: Fields, depth: number): object {
    // What we say ourselves names settings, limits and backends, and no words of people.
    const isOurs =
      error instanceof SwitchboardError && !(error instanceof ProviderError) && error.code !== 'INVALID_INPUT'
    const message = isOurs ? this.#withoutSecrets(error.message) : this.#scrubbed(error.message, about)
    const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
    const cause = error.cause instanceof Error && depth < DEEPEST ? error.cause : undefined
    return {
      type: error.name,
      ...(code === undefined ? {} : { code }),
      ...(error instanceof ProviderError && error.providerCode !== null ? { providerCode: error.providerCode } : {}),
      message,
      // An error of ours is expected to happen: its class and text say it all.
      ...(error instanceof SwitchboardError
        ? {}
        : { stack: `${error.name}: ${message}${this.#framesOf(error, about)}` }),
      ...(cause === undefined ? {} : { cause: this.#error(cause, about, depth + 1) }),
    }
  }

  /** The lines of the stack alone: the message before them has lines of its own, and they may look the same. */
  #framesOf({ stack = '', message }: Error, about: Fields): string {
    const end = stack.indexOf(message) + message.length
    const isHeaded = message !== '' && end >= message.length && !stack.slice(0, end - message.length).includes('\n')
    const lines = (isHeaded ? stack.slice(end) : stack).slice(-4 * LONGEST)
    const frames = (FRAMES.exec(lines)?.[0] ?? '').slice(0, LONGEST)
    return isHeaded ? this.#withoutSecrets(frames) : this.#scrubbed(frames, about)
  }

  #scrubbed(text: string, { text: own, identity }: Fields): string {
    const { texts, numbers } = this.#privacy
    const shown = this.#withoutSecrets(text)
    // Before the numbers are masked: those in the text are a part of it.
    const scrubbed = texts || typeof own !== 'string' ? shown : withoutText(shown, own)
    if (numbers) return scrubbed
    const known = typeof identity === 'string' && identity.length > 2
    return (known ? scrubbed.replaceAll(identity, maskIdentity(identity)) : scrubbed).replace(NUMBER, maskIdentity)
  }

  #withoutSecrets(text: string): string {
    const shown = this.#secrets === undefined ? text : text.replace(this.#secrets, '[secret]')
    return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown
  }
}

// Seven digits or more, however they are grouped; not the digits of a UUID, of a path or of an address.
const NUMBER = /(?<![\w.-])\+?\(?\d(?:[ ()-]{0,2}\d){6,}(?![\w.-]*\w)/g

/** Lines at the end of a stack that name a place in code, as a person's lines seldom do. */
const FRAMES = /(?:\n {4}at (?:[^\n()]+ \()?(?:[^\n()]+:\d+:\d+|<anonymous>|native|index \d+)\)?)+$/

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
