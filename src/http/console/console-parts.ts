import type { Clock } from '../../messages/clock.ts'
import type { Logger } from '../../messages/logger.ts'
import type { Signals } from '../../queue/signals.ts'
import type { Router } from '../../router/router.ts'
import type { Store } from '../../store/store.ts'
import type { ServedAt } from './guard.ts'

/** What the console stands on. */
export interface ConsoleParts {
  readonly projectName: string
  readonly servedAt: ServedAt
  readonly router: Router
  readonly store: Store
  readonly signals: Signals
  readonly clock: Clock
  readonly logger: Logger
}
