import { CallbackRunner } from './callback-runner.ts'
import { Callbacks } from './callbacks.ts'
import type { RouterParts } from './router-parts.ts'

/** The members of a router that tell callbacks, joined. */
export function assembleCallbacks(parts: RouterParts) {
  const { callbackClient: client, backends, store, signals, clock, newId, logger, settings } = parts
  const callbackRunner = new CallbackRunner({
    ...{ settings: settings.callbacks, store, client, signals, clock, newId, logger },
  })
  const callbacks = new Callbacks({
    ...{ store, client, backends, most: settings.callbacks.most },
    ...{ now: () => clock.now(), wake: () => callbackRunner.wake() },
  })
  return { callbacks, callbackRunner }
}
