import type { Text } from '../messages/incoming.ts'
import type { App } from '../router/app.ts'

export interface DefaultReplyOptions {
  /** The reply, or one per language; `%(project_name)s` stands for the project's name. `null` says nothing. */
  readonly text?: Text | null
  readonly projectName?: string
}

/** Answers what no app has handled. Put it last. */
export function defaultReply({
  text = 'Sorry, %(project_name)s could not understand your message.',
  projectName = 'Switchboard',
}: DefaultReplyOptions = {}): App {
  const named = (template: string) => template.replaceAll('%(project_name)s', projectName)
  const reply =
    text === null || typeof text === 'string'
      ? text
      : Object.fromEntries(Object.entries(text).map(([language, template]) => [language, named(template)]))
  return {
    name: 'default-reply',
    default(message) {
      if (reply !== null) message.respond(typeof reply === 'string' ? named(reply) : reply)
    },
  }
}
