import { type Lane, laneKey } from '../messages/lane.ts'

type OutgoingLane = Lane & { kind: 'outgoing' }

interface Probe {
  /** The lane whose message it is; undefined while one is awaited. */
  lane: string | undefined
  /** The attempt has begun. */
  begun: boolean
  /** A message was chosen for it that nothing else would have brought here. */
  invited: boolean
}

/** What a lane that is given back has done with its probe. */
export type ProbeEnd = 'none' | 'unused' | 'used'

/** The one message of each backend that may be tried while nothing else of it is handed out, in this process. */
export class Probes {
  readonly #probes = new Map<string, Probe>()

  /** From now on one message may be tried. */
  grant(backend: string): void {
    if (!this.#probes.has(backend)) this.#probes.set(backend, { lane: undefined, begun: false, invited: false })
  }

  /** One that has begun goes on, and is none any more. */
  withdraw(backend: string): void {
    this.#probes.delete(backend)
  }

  has(backend: string): boolean {
    return this.#probes.has(backend)
  }

  /** Whether one is granted that no lane has taken yet. */
  isAwaited(backend: string): boolean {
    const probe = this.#probes.get(backend)
    return probe !== undefined && probe.lane === undefined
  }

  /** @returns whether a message may be chosen for the probe; once, until `uninvite` */
  invite(backend: string): boolean {
    const probe = this.#probes.get(backend)
    if (probe === undefined || probe.lane !== undefined || probe.invited) return false
    probe.invited = true
    return true
  }

  /** The message that was chosen has not come. */
  uninvite(backend: string): void {
    const probe = this.#probes.get(backend)
    if (probe !== undefined) probe.invited = false
  }

  /** Whether this lane's next message may be tried: it has taken the probe, now or before, and not used it. */
  enter(lane: OutgoingLane): boolean {
    const probe = this.#probes.get(lane.owner)
    if (probe === undefined || probe.begun) return false
    probe.lane ??= laneKey(lane)
    return probe.lane === laneKey(lane)
  }

  /** The attempt of the lane's message begins. */
  begin(lane: OutgoingLane): void {
    const probe = this.#probes.get(lane.owner)
    if (probe?.lane === laneKey(lane)) probe.begun = true
  }

  /** Whether the attempt that the lane has just made was the probe. */
  isMade(lane: OutgoingLane): boolean {
    const probe = this.#probes.get(lane.owner)
    return probe?.begun === true && probe.lane === laneKey(lane)
  }

  leave(lane: OutgoingLane): ProbeEnd {
    const probe = this.#probes.get(lane.owner)
    if (probe === undefined || probe.lane !== laneKey(lane)) return 'none'
    if (probe.begun) {
      this.#probes.delete(lane.owner)
      return 'used'
    }
    probe.lane = undefined
    probe.invited = false
    return 'unused'
  }
}
