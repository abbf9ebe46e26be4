import { createHash } from 'node:crypto'
import { type Lane, laneKey } from '../../messages/lane.ts'

// An entry of an index holds at the most 2,704 bytes; an escaped text of this length takes no more than 1,800.
const LONGEST = 300

/**
 * One text that stands for the parts and for no others, short enough for an index whatever somebody sends us. Only to
 * look things up: a long one is a hash.
 */
export function keyOf(...parts: readonly string[]): string {
  let key = ''
  for (const part of parts) key += `${part.length}:${part}`
  return bounded(key.toWellFormed())
}

/** The parts that a key stands for; undefined when it is a hash. */
export function partsOf(key: string): readonly string[] | undefined {
  const parts: string[] = []
  for (let rest = key; rest !== ''; ) {
    const [size = '', length = ''] = /^(\d+):/.exec(rest) ?? []
    if (size === '') return undefined
    parts.push(rest.slice(size.length, size.length + Number(length)))
    rest = rest.slice(size.length + Number(length))
  }
  return parts
}

/** The key of a lane in the database. */
export function laneKeyOf(lane: Lane): string {
  return fenceKeyOf(laneKey(lane))
}

/** The key in the database of the lane that a fence names. */
export function fenceKeyOf(lane: string): string {
  return bounded(lane)
}

/** What equal texts have in common, in few bytes. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

function bounded(key: string): string {
  return key.length <= LONGEST ? key : `sha256:${hashOf(key)}`
}
