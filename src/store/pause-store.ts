/** Why nothing is sent over a backend. One that was begun by hand is ended by hand only. */
export type PauseCause = 'AUTH' | 'CREDIT' | 'HAND'

/** A backend over which nothing is sent, in any process, until the pause ends. */
export interface Pause {
  readonly backend: string
  readonly cause: PauseCause
  /** What the service said, or who began it. */
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly since: number
  /** How often one message was tried meanwhile, in vain. */
  readonly probes: number
  /** When the next one may be tried; null where it was begun by hand. */
  readonly probeAt: number | null
}

/** The pauses of all backends, shared by all processes. */
export interface PauseStore {
  all(): Promise<readonly Pause[]>
  /**
   * Begins a pause. One by hand takes the place of any other, an other takes the place of none.
   * @returns whether it began now
   */
  begin(pause: Pause): Promise<boolean>
  /** Notes that one message was tried in vain; nothing happens where the pause has ended or is another one by now. */
  probed(backend: string, since: number, probeAt: number): Promise<void>
  /**
   * @param by `success` leaves one that was begun by hand
   * @returns whether there was one
   */
  end(backend: string, by: 'hand' | 'success'): Promise<boolean>
}
