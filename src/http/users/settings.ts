import { z } from 'zod'
import { secret } from '../../backends/secret.ts'
import { isKeyHash, isPasswordHash } from './password-hash.ts'

/** What a user may do: everything; all of the work; send and look; look only. */
export const userRoles = ['admin', 'operator', 'sender', 'reader'] as const
export type UserRole = (typeof userRoles)[number]

const MADE_BY = 'is expected, as "switchboard hash-password'

const user = z.strictObject({
  password: secret(z.string().refine(isPasswordHash, `a hash ${MADE_BY}" prints it`))
    .optional()
    .describe('The hash of the password, as `switchboard hash-password` prints it; without it only keys serve'),
  role: z
    .enum(userRoles)
    .describe('`reader` looks, `sender` sends too, `operator` changes people and groups too, `admin` may all'),
  backends: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('The backends whose messages are sent and shown; all by default'),
  keys: z
    .array(secret(z.string().refine(isKeyHash, `a hash ${MADE_BY} --key" prints it`)))
    .max(20)
    .default([])
    .describe('Hashes of keys for programs, as `switchboard hash-password --key` prints them'),
})

const userName = z
  .string()
  .regex(/^[a-z0-9][\w.@-]{0,63}$/i, 'a name of up to 64 letters, digits and . _ - @ is expected')

/** Who may use the sending API. */
export const usersSettings = z.record(userName, user)

export type UsersSettings = z.output<typeof usersSettings>

/** Somebody who has shown who they are. */
export interface User {
  readonly name: string
  readonly role: UserRole
  /** Undefined for all. */
  readonly backends: readonly string[] | undefined
}
