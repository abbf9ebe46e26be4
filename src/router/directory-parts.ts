import { InvalidInputError } from '../messages/errors.ts'
import type { NewId } from '../messages/ids.ts'
import type { Connection } from '../messages/incoming.ts'
import type { Store } from '../store/store.ts'
import type { Backend } from './backend.ts'
import type { Identities } from './identities.ts'

/** What people and groups are kept with. */
export interface DirectoryParts {
  readonly store: Pick<Store, 'directory'>
  readonly backends: ReadonlyMap<string, Backend>
  readonly identities: Identities
  readonly now: () => number
  readonly newId: NewId
}

const LONGEST_IDENTITY = 200

/**
 * The connection as it is recorded.
 * @throws InvalidInputError naming the backend that is not there, or the number that is none
 */
export function checkedConnection(
  { backends, identities }: Pick<DirectoryParts, 'backends' | 'identities'>,
  { backend, identity }: Connection,
): Connection {
  if (!backends.has(backend)) {
    const known = [...backends.keys()].join(', ')
    throw new InvalidInputError(`backend: there is no backend "${backend}"; there are ${known}`)
  }
  const given = typeof identity === 'string' ? identity.toWellFormed().trim() : ''
  if (given === '') throw new InvalidInputError('identity: a number or identity is expected, not an empty text')
  if (given.length > LONGEST_IDENTITY) {
    throw new InvalidInputError(`identity: at most ${LONGEST_IDENTITY} characters are expected`)
  }
  return identities.recipient({ backend, identity: given }, 'identity')
}
