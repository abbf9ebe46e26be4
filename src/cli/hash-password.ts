import { text } from 'node:stream/consumers'
import { hashKey, hashPassword, LONGEST_PASSWORD, newKey } from '../http/users/password-hash.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { Output } from './output.ts'

const DONE = 0

/**
 * Prints the hash of a password that stands in the settings in its place; or makes a key and prints both.
 * @param input where the password is read from, up to its end; one line end after it is no part of it
 * @throws InvalidInputError when there is none, or a line end within it
 */
export async function hashPasswordCommand(
  options: { readonly key?: boolean },
  output: Output,
  input: NodeJS.ReadableStream = process.stdin,
): Promise<number> {
  if (options.key === true) {
    const key = newKey()
    output.out(`key:  ${key}`)
    output.out(`hash: ${hashKey(key)}`)
    output.err(
      'The key is for the program that asks, the hash for http.users.<name>.keys. The key is not kept anywhere.',
    )
    return DONE
  }
  output.out(await hashPassword(checkedPassword(await text(input))))
  return DONE
}

function checkedPassword(given: string): string {
  const password = given.replace(/\r?\n$/, '')
  if (password === '') throw new InvalidInputError('a password is expected on standard input, not an empty one')
  if (/[\r\n]/.test(password)) throw new InvalidInputError('one line is expected on standard input')
  if (password.length <= LONGEST_PASSWORD) return password
  throw new InvalidInputError(`at most ${LONGEST_PASSWORD} characters are expected on standard input`)
}
