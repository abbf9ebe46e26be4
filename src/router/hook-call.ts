import type { Clock } from '../messages/clock.ts'
import type { Ending } from './ending.ts'
import { HookTimeoutError } from './errors.ts'
import type { HookContext } from './events.ts'

/** One hook, with the event it is to be called with. */
export interface HookCall {
  /** How the log names it. */
  readonly hook: string
  readonly run: (context: HookContext) => unknown
}

export interface CallLimits {
  readonly clock: Clock
  /** Milliseconds. */
  readonly timeLimit: number
  readonly attempt: number
  readonly ending: Ending
}

/**
 * Calls a hook once, and waits for it no longer than its time limit.
 * @throws HookTimeoutError; whatever the hook throws
 */
export function callHook({ hook, run }: HookCall, { clock, timeLimit, attempt, ending }: CallLimits): Promise<void> {
  const context: HookContext = {
    attempt,
    get signal() {
      return ending.signal
    },
  }
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(clock.now() + timeLimit, () => {
      ending.abort()
      reject(new HookTimeoutError(`The hook "${hook}" did not return within ${timeLimit} ms.`))
    })
    const called = async () => {
      await run(context)
    }
    called()
      .then(resolve, reject)
      .finally(() => timer.cancel())
  })
}
