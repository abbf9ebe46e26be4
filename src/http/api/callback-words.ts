import type { CallbackOwner } from '../../router/callback-request.ts'
import type { User } from '../users/settings.ts'
import { Refusal } from './api-answer.ts'

export const CALLBACK_ID = { id: 'The number of a callback' }
export const READS = { tag: 'account', limit: 'read', roles: ['admin', 'operator', 'sender', 'reader'] } as const
export const CHANGES = { tag: 'account', limit: 'change', roles: ['admin', 'operator', 'sender'] } as const

export function ownerOf({ name: user, backends }: User): CallbackOwner {
  return { user, backends }
}

/** @throws Refusal where no callback can have it */
export function numberOf({ id = '' }: Readonly<Record<string, string>>): number {
  if (!/^\d{1,15}$/.test(id)) throw missing()
  return Number(id)
}

/** @throws Refusal where there is none, or it is somebody else's */
export function there<T>(found: T | undefined): T {
  if (found === undefined) throw missing()
  return found
}

export function missing(): Refusal {
  return new Refusal('NOT_FOUND', 'There is no such callback.')
}
