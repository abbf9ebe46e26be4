/** Whether a backend takes messages now: it is not paused, and its service has not just failed time after time. */
export interface Availability {
  isAvailable(backend: string): boolean
  /**
   * Whether a message may be given to the backend all the same, to find out whether it is back: true for one message
   * each time, where none waits for it that could be tried.
   */
  mayTry(backend: string): boolean
}

/** Where nothing is paused. */
export const alwaysAvailable: Availability = { isAvailable: () => true, mayTry: () => false }
