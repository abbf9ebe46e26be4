import type { Text } from '../messages/incoming.ts'
import type { App } from '../router/app.ts'
import { withProjectName } from './project-name.ts'

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
  const reply = text === null ? null : withProjectName(text, projectName)
  return {
    name: 'default-reply',
    default(message) {
      if (reply !== null) message.respond(reply)
    },
  }
}
