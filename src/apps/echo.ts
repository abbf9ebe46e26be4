import type { App } from '../router/app.ts'
import { keyword } from './keyword.ts'

/** Answers `echo <anything>` with the anything. */
export function echo(): App {
  return keyword(
    'echo',
    {
      help: (message) => message.respond('To echo some text, send: ECHO <ANYTHING>'),
      handle: (message, { rest }) => message.respond(rest),
    },
    { name: 'echo' },
  )
}
