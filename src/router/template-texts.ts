import { InvalidInputError } from '../messages/errors.ts'
import type { Connection, Fields, Text } from '../messages/incoming.ts'
import { chooseText } from '../messages/language.ts'
import type { TemplateText, TemplateUse } from '../messages/template-use.ts'
import type { Contact } from '../store/contact.ts'
import type { NewOutgoing } from '../store/outgoing-records.ts'
import type { SoleKey, TemplateStore } from '../store/template-store.ts'
import type { LeftOut } from './send-request.ts'
import { checkedContext, type Template, type Templates } from './templates.ts'

/** Whom a rule is asked about. */
export interface TemplateRecipient extends Connection {
  readonly contact: Contact | null
}

/**
 * Whether this person may get this template.
 * @param context what the template is filled with
 * @param about the template, and what the message is related to
 */
export type TemplateRule = (
  recipient: TemplateRecipient,
  context: Fields,
  about: { readonly slug: string; readonly relatedTo: string | null },
) => boolean | Promise<boolean>

/** One rule for all templates, or one for each that has any. */
export type TemplateRules = TemplateRule | Readonly<Record<string, TemplateRule>>

/** What the text of a message is taken from. */
export interface TextSource {
  readonly text?: Text | undefined
  readonly template?: TemplateUse | undefined
  readonly relatedTo?: string | null | undefined
}

/** The text for one person, or why that person gets none. */
export type TextFor = (connection: Connection, contact: Contact | null) => Promise<WrittenText | LeftOut>

/** What is kept of a text with its message. */
export interface WrittenText {
  readonly text: string
  readonly template: string | null
  /** Where the message may not be repeated. */
  readonly soleKey?: string
}

export interface TemplateTextsParts {
  readonly templates: Templates
  readonly store: { readonly templates: TemplateStore }
  readonly rules: TemplateRules | undefined
  readonly languages: readonly string[]
}

/** Writes the texts of messages, each for its recipient: from templates, or as they were given. */
export class TemplateTexts {
  readonly #parts: TemplateTextsParts

  constructor(parts: TemplateTextsParts) {
    this.#parts = parts
  }

  /** @throws InvalidInputError when neither text nor template is given, or both, or a template that is not there */
  async of(source: TextSource): Promise<TextFor> {
    const { text, template: use, relatedTo = null } = source
    if (use !== undefined && text !== undefined) throw new InvalidInputError('text: not beside a template')
    if (use === undefined) {
      if (text === undefined) throw new InvalidInputError('text: a text is expected, or a template')
      return async (_, contact) => ({ text: this.#chosen(text, contact), template: null })
    }
    if (typeof use !== 'object' || use === null) throw new InvalidInputError('template: { slug, context } is expected')
    const template = await this.#parts.templates.needed(use.slug)
    const context = checkedContext(use.context ?? {})
    if ('contact' in context)
      throw new InvalidInputError('context.contact: the recipient stands there; take another name')
    return (connection, contact) => this.#written({ template, context, relatedTo }, { ...connection, contact })
  }

  /** What is answered, for the one who gets it. */
  async response(
    content: Text | TemplateText,
    connection: Connection,
    contact: Contact | null,
  ): Promise<WrittenText | LeftOut> {
    if (!isTemplate(content)) {
      return { text: chooseText(content, contact?.language ?? null, this.#parts.languages), template: null }
    }
    const { template: slug, context = {}, relatedTo } = content
    const written = await (await this.of({ template: { slug, context }, relatedTo }))(connection, contact)
    if ('reason' in written) return written
    const message = { ...connection, ...keptOf(written, '') }
    return (await this.unrepeated([message])).leftOut[0] ?? written
  }

  /** Leaves out messages that somebody else holds the key of: before they are recorded, or of those that were to be. */
  async unrepeated<
    Message extends Pick<NewOutgoing, 'backend' | 'identity' | 'template'> & { sole?: SoleKey | undefined },
  >(
    messages: readonly Message[],
  ): Promise<{ readonly messages: readonly Message[]; readonly leftOut: readonly LeftOut[] }> {
    const keys = [...new Set(messages.flatMap(({ sole }) => (sole === undefined ? [] : [sole.key])))]
    if (keys.length === 0) return { messages, leftOut: [] }
    const found = await this.#parts.store.templates.soleHolders(keys)
    const holders = new Map(keys.map((key, index) => [key, found[index] ?? null]))
    const isRepeated = ({ sole }: Message) => {
      const holder = sole === undefined ? null : (holders.get(sole.key) ?? null)
      return holder !== null && holder !== sole?.by
    }
    return {
      messages: messages.filter((message) => !isRepeated(message)),
      leftOut: messages.filter(isRepeated).map(({ backend, identity, template }) => ({
        connection: { backend, identity },
        reason: `has got the template "${template}" about this already`,
      })),
    }
  }

  #chosen(text: Text, contact: Contact | null): string {
    const chosen = chooseText(text, contact?.language ?? null, this.#parts.languages).toWellFormed()
    if (chosen === '') throw new InvalidInputError('text: a text is expected, not an empty one')
    return chosen
  }

  async #written(
    { template, context, relatedTo }: { template: Template; context: Fields; relatedTo: string | null },
    recipient: TemplateRecipient,
  ): Promise<WrittenText | LeftOut> {
    const { slug, active, allowDuplicates } = template
    const { backend, identity, contact } = recipient
    const leftOut = (reason: string): LeftOut => ({ connection: { backend, identity }, reason })
    if (!active) return leftOut(`gets nothing of the template "${slug}", which is not active`)
    const isAllowed = await this.#isAllowed(recipient, context, { slug, relatedTo })
    if (!isAllowed) return leftOut(`may not get the template "${slug}", by its rule`)
    const language = contact?.language ?? null
    const values = { ...context, contact: { name: contact?.name ?? null, language } }
    const text = this.#parts.templates.rendered(template, language, values)
    // The backend is left out: a number is the same person over all of them.
    const soleKey = JSON.stringify(['template', slug, identity, relatedTo])
    return { text, template: slug, ...(allowDuplicates ? {} : { soleKey }) }
  }

  async #isAllowed(recipient: TemplateRecipient, context: Fields, about: { slug: string; relatedTo: string | null }) {
    const { rules } = this.#parts
    const own = typeof rules === 'object' && Object.hasOwn(rules, about.slug) ? rules[about.slug] : undefined
    const rule = typeof rules === 'function' ? rules : own
    if (rule === undefined) return true
    const answer: unknown = await rule(recipient, structuredClone(context), about)
    // One that forgets to answer must not let everything pass, nor keep everything back unseen.
    if (typeof answer !== 'boolean')
      throw new TypeError(`The rule of the template "${about.slug}" has to return true or false.`)
    return answer
  }
}

function isTemplate(content: Text | TemplateText): content is TemplateText {
  return typeof content === 'object' && 'template' in content
}

/** What a response is about. */
export function relatedToOf(content: Text | TemplateText): string | null {
  return isTemplate(content) ? (content.relatedTo ?? null) : null
}

/** The part of a message to record that is known from its text. */
export function keptOf(written: WrittenText, id: string): Pick<NewOutgoing, 'text' | 'template' | 'sole'> {
  const { text, template, soleKey } = written
  return { text, template, ...(soleKey === undefined ? {} : { sole: { key: soleKey, by: id } }) }
}
