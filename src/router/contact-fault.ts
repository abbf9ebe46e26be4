import { InvalidInputError } from '../messages/errors.ts'
import type { Addressees } from './pending-people.ts'

export const NO_CONNECTION = 'has no connection that can be sent to'
const LONGEST_TOLD = 100

/** Why nothing can be sent to a contact: there is no such one, or it has nothing to be reached by. */
export async function contactFault(id: string, people: Pick<Addressees, 'find'>): Promise<InvalidInputError> {
  const told = id.slice(0, LONGEST_TOLD)
  const isThere = (await people.find(id)) !== undefined
  return new InvalidInputError(
    isThere ? `to: the contact ${told} ${NO_CONNECTION}` : `to: there is no contact "${told}"`,
  )
}
