/** Whether a backend takes messages now: it is not paused, and its service has not just failed time after time. */
export interface Availability {
  isAvailable(backend: string): boolean
}
