import { SwitchboardError } from '../messages/errors.ts'

/** The queue's server cannot be reached, or did not answer in time. What the store holds as unfinished is rung again. */
export class QueueUnavailableError extends SwitchboardError {
  readonly code = 'QUEUE_UNAVAILABLE'
}
