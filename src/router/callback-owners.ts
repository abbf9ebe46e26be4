import type { Clock } from '../messages/clock.ts'
import type { Logger } from '../messages/logger.ts'
import type { CallbackStore } from '../store/callback-store.ts'

export interface CallbackOwnersParts {
  readonly settings: { isUser(name: string): boolean }
  readonly store: { readonly callbacks: CallbackStore }
  readonly clock: Clock
  readonly logger: Logger
}

const STRANGER = 'its user is not in the settings'

/** Has nothing more recorded for users whom the settings have no more; should they come back, a change ends that. */
export async function leaveOutStrangers({ settings, store, clock, logger }: CallbackOwnersParts): Promise<void> {
  for (const { id, user, revision, disabledAt } of await store.callbacks.list()) {
    if (user === null || disabledAt !== null || settings.isUser(user)) continue
    if (await store.callbacks.disable(id, revision, STRANGER, clock.now()))
      logger.warn({ callback: id, user }, 'the user of a callback is not in the settings: it is told nothing more')
  }
}
