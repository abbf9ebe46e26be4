import { countryOf } from '../messages/country.ts'
import { InvalidInputError } from '../messages/errors.ts'
import type { Connection } from '../messages/incoming.ts'
import { chooseText } from '../messages/language.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import type { OutgoingRoute, RouteStep } from '../messages/route.ts'
import type { Availability } from './availability.ts'
import type { Identities } from './identities.ts'
import { type Networks, networkIn } from './networks.ts'
import type { Choice, RoutedMessage, RouteValues, Routing } from './routing.ts'
import { checkedIdentity } from './send-checks.ts'
import type { SendRequest } from './send-request.ts'

export interface RouteChooserParts {
  readonly routing: Routing
  readonly availability: Availability
  readonly networks: Networks
  readonly identities: Identities
  /** The project's languages, the first one first. */
  readonly languages: readonly string[]
}

/** What a route adds to a message. */
export interface Routed {
  readonly address: string | null
  readonly options: SendOptions
  readonly route: OutgoingRoute
}

/** A recipient, and what the routing says of the message to her. */
export interface RoutedConnection extends Connection {
  readonly routed: Routed
}

/** Which backends would take a message. */
export interface PlannedRoute {
  readonly why: string
  /** The one that takes it, then those it would move to. */
  readonly steps: readonly (RouteStep & { readonly isAvailable: boolean })[]
}

export const NONE_SENDS = 'backend: no backend of the settings can send'

const LONGEST_VALUE = 100

/** Chooses the backend, and where else to turn, for messages to numbers. */
export class RouteChooser {
  readonly #parts: RouteChooserParts

  constructor(parts: RouteChooserParts) {
    this.#parts = parts
  }

  /** The backend that takes what nothing else is chosen for; undefined where none can send. */
  get default(): string | undefined {
    return this.#parts.routing.default
  }

  /**
   * @returns undefined where the default takes it
   * @throws InvalidInputError when `route` is not of the form expected; RoutingError
   */
  async route(request: SendRequest, identity: string): Promise<RoutedConnection | undefined> {
    // What somebody waits for is not what a service is tried with.
    const isPatient = request.class !== 'urgent'
    return this.#route(request, identity, (backend) => isPatient && this.#parts.availability.mayTry(backend))
  }

  async #route(
    request: SendRequest,
    identity: string,
    mayTry: (backend: string) => boolean,
  ): Promise<RoutedConnection | undefined> {
    const values = checkedValues(request.route)
    const { routing, identities } = this.#parts
    if (!routing.isOn) return undefined
    const recipient = identities.recipient({ backend: routing.default ?? '', identity }).identity
    const choice = routing.choose(await this.#shown(request, recipient), values)
    return choice === undefined ? undefined : this.#taken(request, recipient, choice, mayTry)
  }

  /**
   * What would become of a message to a number, without one.
   * @throws InvalidInputError, RoutingError as `route` does
   */
  async plan(request: SendRequest, given: unknown): Promise<PlannedRoute> {
    const identity = checkedIdentity(given)
    const { routing, availability, identities } = this.#parts
    const routed = await this.#route(request, identity, () => false)
    const shown = (step: RouteStep) => ({ ...step, isAvailable: availability.isAvailable(step.backend) })
    if (routed !== undefined) {
      const { backend, identity, routed: of } = routed
      const first = { backend, identity, address: of.address }
      return { why: of.route.why, steps: [first, ...of.route.next].map(shown) }
    }
    const backend = routing.default
    if (backend === undefined) throw new InvalidInputError(NONE_SENDS)
    const first = { ...identities.recipient({ backend, identity }), address: request.from ?? null }
    return { why: 'the default', steps: [shown(first)] }
  }

  /** What the routing function sees. */
  async #shown(request: SendRequest, identity: string): Promise<RoutedMessage> {
    const { routing, networks, languages } = this.#parts
    const { fields = {} } = request
    const said = networkIn(fields)
    const network = said ?? (routing.asksForNetworks ? await networks.of(identity) : null)
    return {
      identity,
      text: request.text === undefined ? '' : chooseText(request.text, null, languages),
      template: request.template?.slug ?? null,
      class: request.class ?? 'normal',
      from: request.from ?? null,
      fields,
      options: request.options ?? {},
      params: request.params ?? {},
      tag: request.tag ?? null,
      relatedTo: request.relatedTo ?? null,
      network,
      get country() {
        return countryOf(identity) ?? null
      },
    }
  }

  /** Who is not available now stays in the route, for when the others fail. */
  #taken(
    request: SendRequest,
    identity: string,
    { order, from, options = {}, why }: Choice,
    mayTry: (backend: string) => boolean,
  ): RoutedConnection {
    const { availability, identities } = this.#parts
    const named = (backend: string) => (typeof from === 'object' ? from[backend] : undefined)
    const usual = typeof from === 'string' ? from : null
    const steps = order.map((backend): RouteStep => {
      const connection = identities.canonical({ backend, identity })
      return { ...connection, address: named(backend) ?? request.from ?? usual }
    })
    const first = steps.findIndex(({ backend }) => availability.isAvailable(backend) || mayTry(backend))
    const at = Math.max(first, 0)
    const passed = steps.slice(0, at).map(({ backend }) => backend)
    const step = steps[at]
    if (step === undefined) throw new InvalidInputError('backend: the route names none')
    return {
      backend: step.backend,
      identity: step.identity,
      routed: {
        // An address that the sender names is meant for whichever backend takes it first.
        address: request.from ?? step.address,
        options,
        route: {
          why: passed.length === 0 ? why : `${why}; not available: ${passed.join(', ')}`,
          next: steps.filter((_, index) => index !== at),
          left: [],
        },
      },
    }
  }
}

/** @throws InvalidInputError */
function checkedValues(given: unknown): RouteValues {
  if (given === undefined) return []
  const isList = Array.isArray(given) && given.length <= 2
  const values: readonly unknown[] = isList ? given : [null]
  for (const value of values) {
    const isFit = value === undefined || (typeof value === 'string' && value.length <= LONGEST_VALUE)
    if (!isFit) throw new InvalidInputError('route: a list of one or two texts is expected: [module, type]')
  }
  const [module, type] = values.map((value) => (typeof value === 'string' ? value : undefined))
  return [module, type]
}
