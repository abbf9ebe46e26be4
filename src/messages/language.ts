import type { Text } from './incoming.ts'

/**
 * Chooses the text for a language: the language itself, then the same without its region (`pt` for `pt-BR`),
 * then the project's own languages in their order, then whichever text stands first.
 * @param language a BCP 47 tag, or null when the person's is not known
 */
export function chooseText(text: Text, language: string | null, fallbacks: readonly string[]): string {
  return typeof text === 'string' ? text : (text[chooseTag(Object.keys(text), language, fallbacks)] ?? '')
}

/** Chooses as `chooseText` does; returns the tag, '' where there is none to choose from. */
export function chooseTag(tags: readonly string[], language: string | null, fallbacks: readonly string[]): string {
  for (const wanted of [language, ...fallbacks]) {
    if (wanted === null) continue
    const tag = find(tags, wanted) ?? find(tags, wanted.split(/[-_]/)[0] ?? wanted)
    if (tag !== undefined) return tag
  }
  return tags[0] ?? ''
}

function find(tags: readonly string[], wanted: string): string | undefined {
  const lower = wanted.toLowerCase().replace('_', '-')
  return tags.find((tag) => tag.toLowerCase().replace('_', '-') === lower)
}
