import { z } from 'zod'
import type { HttpResponse } from '../router/backend.ts'
import { unexpectedAnswer } from './provider-codes.ts'
import { secret } from './secret.ts'

export const url = z.url({ protocol: /^https?$/ })
export const password = secret(z.string().min(1))
export const auth = z
  .strictObject({ user: z.string().min(1).describe('The name'), password: password.describe('The password') })
  .optional()
  .describe('Basic authentication of what is sent, where it is asked for')
type Auth = z.output<typeof auth>

export function jsonHeaders(given: Auth): Readonly<Record<string, string>> {
  const type = { 'content-type': 'application/json' }
  return given === undefined ? type : { ...type, authorization: `Basic ${credentials(given)}` }
}

/** What may not be shown: the password, alone and as it is sent. */
export function secretsOf(given: Auth): readonly string[] {
  return given === undefined ? [] : [given.password, credentials(given)]
}

function credentials({ user, password: word }: NonNullable<Auth>): string {
  return Buffer.from(`${user}:${word}`).toString('base64')
}

const messageSent = z.looseObject({ message_id: z.string().min(1) })

/** The id by which events name a message, of the message as the service answers it. */
export function idIn(said: unknown, response: HttpResponse, secrets: readonly string[]): string {
  const found = messageSent.safeParse(said)
  if (!found.success) throw unexpectedAnswer(response, 'Vumi', secrets)
  return found.data.message_id
}

export function isSuccess({ status }: HttpResponse): boolean {
  return status >= 200 && status < 300
}

export function withoutSlash(text: string): string {
  return text.replace(/\/+$/, '')
}
