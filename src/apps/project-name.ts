import type { Text } from '../messages/incoming.ts'

/** The text, in each of its languages, with the project's name where `%(project_name)s` stands. */
export function withProjectName(text: Text, projectName: string): Text {
  const named = (template: string) => template.replaceAll('%(project_name)s', projectName)
  if (typeof text === 'string') return named(text)
  return Object.fromEntries(Object.entries(text).map(([language, template]) => [language, named(template)]))
}
