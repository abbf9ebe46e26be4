import { StaleResultError, StoreUnavailableError, TakenOverError } from '../store/errors.ts'

/** Whether the store refused a result for its own reasons; whatever else it throws is the fault of what it was given. */
export function isStoreFault(error: unknown): boolean {
  return error instanceof StaleResultError || error instanceof StoreUnavailableError || error instanceof TakenOverError
}
