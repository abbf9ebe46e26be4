import { InvalidInputError } from '../messages/errors.ts'

/**
 * What came of a command whose flag for the expiry cannot be right; whether it is the router knows alone, which gives a
 * repeat under a key the first result, however late it comes.
 * @throws the error, when it is about something else
 */
export function wrongTime(error: unknown, wrongUsage: (text: string) => never): never {
  if (error instanceof InvalidInputError && error.message.startsWith('expires: ')) wrongUsage(`error: ${error.message}`)
  throw error
}
