import type { Text } from './incoming.ts'

/**
 * Chooses the text for a language: the language itself, then the same without its region (`pt` for `pt-BR`),
 * then the project's own languages in their order, then whichever text stands first.
 * @param language a BCP 47 tag, or null when the person's is not known
 */
export function chooseText(text: Text, language: string | null, fallbacks: readonly string[]): string {
  if (typeof text === 'string') return text
  const tags = Object.keys(text)
  for (const wanted of [language, ...fallbacks]) {
    if (wanted === null) continue
    const tag = find(tags, wanted) ?? find(tags, wanted.split(/[-_]/)[0] ?? wanted)
    const chosen = tag === undefined ? undefined : text[tag]
    if (chosen !== undefined) return chosen
  }
  return text[tags[0] ?? ''] ?? ''
}

function find(tags: readonly string[], wanted: string): string | undefined {
  const lower = wanted.toLowerCase().replace('_', '-')
  return tags.find((tag) => tag.toLowerCase().replace('_', '-') === lower)
}
