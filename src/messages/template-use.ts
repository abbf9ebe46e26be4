/** A template to send, and what its places are filled with. */
export interface TemplateUse {
  readonly slug: string
  /** Plain JSON. The template finds `contact` beside it: the recipient's `name` and `language`, null where not known. */
  readonly context?: Readonly<Record<string, unknown>>
}

/** A template to answer with. */
export interface TemplateText {
  readonly template: string
  /** As of `TemplateUse`. */
  readonly context?: Readonly<Record<string, unknown>>
  /** What it is about, for templates that nobody gets twice about the same thing. */
  readonly relatedTo?: string
}
