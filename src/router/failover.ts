import { measureText } from '../messages/gsm.ts'
import type { NewId } from '../messages/ids.ts'
import type { OutgoingRoute, RouteStep } from '../messages/route.ts'
import type { ClaimedOutgoing, NewOutgoing } from '../store/outgoing-records.ts'
import { type Failure, failed, isUnknown, recordableError, type Settlement } from './attempt-outcome.ts'
import type { Availability } from './availability.ts'
import type { Backend } from './backend.ts'
import { MessageSendError, ProviderError, RequestError } from './errors.ts'
import { restOf } from './outgoing-preparation.ts'
import type { OutgoingTexts } from './outgoing-texts.ts'

export interface FailoverParts {
  readonly backends: ReadonlyMap<string, Backend>
  readonly availability: Availability
  readonly texts: OutgoingTexts
  readonly newId: NewId
  /** Tries at one backend before a message whose failure may pass goes on to the next. */
  readonly attempts: number
}

/** A backend that a message can go to, and the text as it goes there. */
interface Place {
  readonly to: RouteStep
  readonly texts: readonly [string, ...string[]]
  readonly isAvailable: boolean
}

/** Takes routed messages to the next backend of their route, where the one they are with cannot take them. */
export class Failover {
  readonly #parts: FailoverParts

  constructor(parts: FailoverParts) {
    this.#parts = parts
  }

  /** What becomes of a message after an attempt that failed: it moves, is tried again here, or ends with the error. */
  after(claimed: ClaimedOutgoing, backend: Backend, failure: Failure): Settlement {
    const here = failed(claimed, backend.common.sending, failure)
    const { route, once } = claimed
    if (route === undefined || route.next.length === 0 || once) return here
    const { error } = failure
    if (mayBeTaken(claimed, backend, error)) return { ...here, route: stuck(route) }
    if (!mayHelpElsewhere(error)) return here
    const isLost = here.outcome.kind === 'settled'
    const { attempts, availability } = this.#parts
    const isTried = claimed.tries + 1 >= attempts || !availability.isAvailable(backend.name)
    if (!isLost && !isTried) return here
    const { startedAt, now } = failure
    const kept = recordableError(error)
    const why = kept.code ?? 'it failed'
    const moved = this.#moved(claimed, route, { why, startedAt, now, isLost })
    return moved === undefined ? here : { ...moved, ...kept }
  }

  /**
   * For a message that its backend cannot be given now.
   * @param isLost it will not be given later either
   * @returns undefined when the message stays where it is
   */
  instead(claimed: ClaimedOutgoing, why: string, now: number, isLost: boolean): Settlement | undefined {
    const { route, once, attemptOpen } = claimed
    if (route === undefined || once || attemptOpen) return undefined
    const moved = this.#moved(claimed, route, { why, startedAt: null, now, isLost })
    return moved === undefined ? undefined : { ...moved, error: why }
  }

  #moved(
    claimed: ClaimedOutgoing,
    route: OutgoingRoute,
    { why, startedAt, now, isLost }: { why: string; startedAt: number | null; now: number; isLost: boolean },
  ): Settlement | undefined {
    const places = route.next.flatMap((step) => this.#placeAt(claimed, step) ?? [])
    const place = places.find(({ isAvailable }) => isAvailable) ?? (isLost ? places[0] : undefined)
    if (place === undefined) return undefined
    const { to } = place
    const [text, ...others] = place.texts
    const { backend, identity } = claimed
    const onward: OutgoingRoute = {
      why: `moved from ${backend}: ${why}`,
      next: route.next.filter((step) => step.backend !== to.backend),
      left: [...route.left, { backend, identity }],
    }
    return {
      outcome: { kind: 'moved', to, text, parts: measureText(text).parts, at: dueAt(claimed, now) },
      startedAt,
      route: onward,
      reason: `to ${to.backend}: ${why}`,
      ...(others.length === 0 ? {} : { outgoing: others.map((other) => this.#rest(claimed, to, onward, other)) }),
    }
  }

  /** Undefined where the message cannot be sent. */
  #placeAt(claimed: ClaimedOutgoing, to: RouteStep): Place | undefined {
    const { backends, texts, availability } = this.#parts
    if (backends.get(to.backend)?.send === undefined) return undefined
    const { id, text, fields } = claimed
    const ruled = texts.ruled({ id, text, fields, backend: to.backend, identity: to.identity })
    if ('refused' in ruled) return undefined
    return { to, texts: ruled.texts, isAvailable: availability.isAvailable(to.backend) }
  }

  #rest(claimed: ClaimedOutgoing, to: RouteStep, route: OutgoingRoute, text: string): NewOutgoing {
    const rest = restOf({ ...claimed, ...to, route }, { id: this.#parts.newId(), text }, null)
    return { ...rest, phased: claimed.phased }
  }
}

/** What waits for another try need not wait elsewhere; what is scheduled for later does. */
function dueAt({ tries, notBefore }: ClaimedOutgoing, now: number): number {
  return tries > 0 ? now : Math.max(now, notBefore)
}

/** The service may have the message, and a duplicate is worse than a loss: nobody else may be given it, now or later. */
function mayBeTaken(claimed: ClaimedOutgoing, backend: Backend, error: unknown): boolean {
  if (backend.common.sending.unknownOutcome[claimed.class] === 'retry') return false
  return isUnknown(error) || claimed.attemptOpen
}

function stuck(route: OutgoingRoute): OutgoingRoute {
  return { ...route, next: [], why: `${route.why}; goes nowhere else, since the service may have it` }
}

/** Whether another service may take what this one did not. What a service says of the person holds everywhere. */
export function mayHelpElsewhere(error: unknown): boolean {
  if (!(error instanceof ProviderError)) return true
  if (error.optedOut) return false
  return error.elsewhere ?? !(error instanceof RequestError || error instanceof MessageSendError)
}
