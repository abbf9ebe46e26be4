import type { Text } from '../messages/incoming.ts'

/** A template as it is kept. */
export interface StoredTemplate {
  /** What it is called by. */
  readonly slug: string
  readonly body: Text
  readonly active: boolean
  readonly locked: boolean
  readonly allowDuplicates: boolean
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly changedAt: number
  /** Grows with every change; from 1. */
  readonly version: number
}

export interface TemplatePage {
  /** Only those after this slug. */
  readonly after?: string
  readonly limit: number
}

/** Lets a message be recorded only where none with the same key was before. */
export interface SoleKey {
  readonly key: string
  /** The message that the key is for: all messages that one text was split into name the first. */
  readonly by: string
}

/** The templates, and which of their messages may not be repeated. */
export interface TemplateStore {
  get(slug: string): Promise<StoredTemplate | undefined>
  /** By their slugs, code unit by code unit. */
  list(page: TemplatePage): Promise<readonly StoredTemplate[]>
  /**
   * @param template with the version it is to have: 1 for a new one, else one more than the version that was read
   * @returns false where somebody else has changed it since, and then nothing is
   */
  put(template: StoredTemplate): Promise<boolean>
  /** @returns whether it was there with this version */
  remove(slug: string, version: number): Promise<boolean>
  /** The messages that were recorded for these keys, or null, in the order of the keys. */
  soleHolders(keys: readonly string[]): Promise<readonly (string | null)[]>
}
