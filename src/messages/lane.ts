/** The order in which outgoing messages of one backend take their turn: a person who waits goes before a broadcast. */
export const messageClasses = ['urgent', 'reply', 'normal', 'bulk'] as const
export type MessageClass = (typeof messageClasses)[number]

/**
 * An ordered stream of work. Messages of one lane are worked one at a time, in the order of the store;
 * different lanes side by side. Outgoing lanes are kept apart by class, so that a reply need not wait
 * behind a broadcast to the same person.
 */
export type Lane =
  | { readonly kind: 'incoming'; readonly owner: string; readonly identity: string }
  | {
      readonly kind: 'outgoing'
      readonly owner: string
      readonly identity: string
      readonly class: MessageClass
    }

/** The name of the pool that a lane's work counts in: slots and rates are kept by it. */
export function poolName(lane: Lane): string {
  return lane.kind === 'incoming' ? 'incoming' : outgoingPool(lane.owner)
}

/** The pool of one backend's sending. */
export function outgoingPool(backend: string): string {
  return `outgoing:${backend}`
}

/** A string that names the lane and nothing else; fit as a key of a map or of Redis. */
export function laneKey(lane: Lane): string {
  const key =
    lane.kind === 'incoming'
      ? `incoming\n${lane.owner}\n${lane.identity}`
      : `outgoing\n${lane.owner}\n${lane.class}\n${lane.identity}`
  // Stores and Redis write half a surrogate pair as U+FFFD; the same identity must not have two lanes.
  return key.toWellFormed()
}

/** The lane that a key names; undefined when it names none. */
export function parseLaneKey(key: string): Lane | undefined {
  const [kind, owner, ...rest] = key.split('\n')
  if (owner === undefined || rest.length === 0) return undefined
  if (kind === 'incoming') return { kind, owner, identity: rest.join('\n') }
  const [name, ...identity] = rest
  if (kind !== 'outgoing' || name === undefined || identity.length === 0) return undefined
  // One that nobody knows is kept: the store finds the lane's messages by it.
  return { kind, owner, class: name as MessageClass, identity: identity.join('\n') }
}
