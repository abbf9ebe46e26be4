import { types } from 'node:util'
import { errorText } from '../messages/errors.ts'
import type { Fields } from '../messages/incoming.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import type { Backend } from './backend.ts'
import { RoutingError } from './errors.ts'
import { orderOf } from './route-share.ts'
import { type Operator, type RouteRule, ruleFor } from './route-table.ts'

/** What a routing function is shown of a message that is about to be recorded. */
export interface RoutedMessage {
  /** The recipient's number, in the form in which it is recorded. */
  readonly identity: string
  /** In the project's first language; empty where a template is sent. */
  readonly text: string
  /** The name of the template that is sent. */
  readonly template: string | null
  readonly class: MessageClass
  readonly from: string | null
  readonly fields: Fields
  readonly options: SendOptions
  readonly params: Fields
  readonly tag: string | null
  readonly relatedTo: string | null
  /** The country of the number, by ISO 3166-1; null where it is none that is known. */
  readonly country: string | null
  /** The code of the person's network (63902), where a service has told it. */
  readonly network: string | null
}

/** What a routing function chose, where a name alone does not say it. */
export interface RouteChoice<Names extends string = string> {
  readonly backend: Names
  /** For the service; what the sender asked for goes before it. */
  readonly options?: SendOptions
  /** Our address it leaves from, where the sender named none. */
  readonly from?: string
  /** Where else it may go, the best first, when the backend cannot take it. */
  readonly failover?: readonly Names[]
}

/**
 * Chooses the backend of a message to a number that was sent without one; nothing means: by the table of routes, and
 * else the default.
 * @param module and `type`: what the sender gave as `route`
 */
export type RoutingFunction<Names extends string = string> = (
  message: RoutedMessage,
  module: string | undefined,
  type: string | undefined,
) => Names | RouteChoice<Names> | null | undefined | void

export interface RoutingSettings {
  readonly choose?: RoutingFunction | undefined
  readonly rules: readonly RouteRule[]
  readonly operators: ReadonlyMap<string, Operator>
  /** The backend where nothing else chooses one; by default the first that can send. */
  readonly default?: string | undefined
  /** Tries at one backend before a message whose failure may pass goes to the next of its route. */
  readonly attempts: number
}

/** The values that a sender gives to be routed by. */
export type RouteValues = readonly [module?: string | undefined, type?: string | undefined]

/** Which backends may take a message, and why. */
export interface Choice {
  /** The best first. */
  readonly order: readonly string[]
  readonly from: RouteRule['from']
  readonly options: SendOptions | undefined
  readonly why: string
}

/** Chooses backends by the settings. */
export class Routing {
  readonly #settings: RoutingSettings
  readonly #backends: ReadonlyMap<string, Backend>

  constructor(settings: RoutingSettings, backends: ReadonlyMap<string, Backend>) {
    this.#settings = settings
    this.#backends = backends
  }

  /** Whether anything is chosen at all: else all goes to the default. */
  get isOn(): boolean {
    return this.#settings.choose !== undefined || this.#settings.rules.length > 0
  }

  /** Whether a rule asks for the operator of a number. */
  get asksForNetworks(): boolean {
    return this.#settings.choose !== undefined || this.#settings.rules.some(({ when }) => when.operator !== undefined)
  }

  /** Undefined where no backend can send to people. */
  get default(): string | undefined {
    if (this.#settings.default !== undefined) return this.#settings.default
    for (const backend of this.#backends.values()) if (takesPeople(backend)) return backend.name
    return undefined
  }

  /**
   * @returns undefined where the default takes it
   * @throws RoutingError when the routing function throws, or chooses what is not there or cannot send
   */
  choose(message: RoutedMessage, [module, type]: RouteValues): Choice | undefined {
    const chosen = this.#asked(message, module, type)
    if (chosen !== undefined) return chosen
    const { rules, operators } = this.#settings
    const rule = ruleFor(rules, operators, { ...routedBy(message), module, type })
    if (rule === undefined) return undefined
    const order = [...orderOf(message.identity, rule.share), ...rule.failover]
    return { order, from: rule.from, options: rule.options, why: `rule "${rule.name}"` }
  }

  #asked(message: RoutedMessage, module: string | undefined, type: string | undefined): Choice | undefined {
    if (this.#settings.choose === undefined) return undefined
    let answer: unknown
    try {
      answer = this.#settings.choose(message, module, type)
    } catch (error) {
      throw new RoutingError(`routing: the function of the settings threw: ${errorText(error)}`, { cause: error })
    }
    if (answer === undefined || answer === null) return undefined
    const { backend, failover = [], from, options } = choiceOf(answer)
    const order = [...new Set([backend, ...failover])]
    for (const name of order) this.#refuse(name)
    return { order, from, options, why: 'the routing function' }
  }

  #refuse(name: string): void {
    const backend = this.#backends.get(name)
    const known = [...this.#backends.keys()].join(', ')
    if (backend === undefined) {
      throw new RoutingError(`routing: the function chose "${name}", which is no backend; there are ${known}`)
    }
    const why = whyNoRoute(backend)
    if (why !== undefined) throw new RoutingError(`routing: the function chose "${name}", which ${why}`)
  }
}

/** Why messages to people cannot be routed to a backend. */
export function whyNoRoute({ send, copies }: Pick<Backend, 'send' | 'copies'>): string | undefined {
  if (send === undefined) return 'only receives'
  return copies === undefined ? undefined : 'hands copies on to programs, and sends nothing to people'
}

function takesPeople(backend: Backend): boolean {
  return whyNoRoute(backend) === undefined
}

function routedBy({ identity, class: messageClass, network }: RoutedMessage) {
  return { identity, class: messageClass, network }
}

/** @throws RoutingError when it is nothing that a routing function may answer */
function choiceOf(answer: unknown): RouteChoice {
  if (typeof answer === 'string') return { backend: answer }
  if (types.isPromise(answer)) throw nonsense('a promise; it has to choose at once')
  if (typeof answer !== 'object' || answer === null) throw nonsense(`a ${typeof answer}`)
  const { backend, options, from, failover }: Readonly<Record<string, unknown>> = { ...answer }
  if (typeof backend !== 'string') throw nonsense('an object without the name of a backend')
  if (from !== undefined && typeof from !== 'string') throw nonsense('a "from" that is no text')
  if (options !== undefined && !isPlain(options)) throw nonsense('"options" that are no object')
  if (failover !== undefined && !isNames(failover)) throw nonsense('a "failover" that is no list of names')
  return {
    backend,
    ...(from === undefined ? {} : { from }),
    ...(options === undefined ? {} : { options }),
    ...(failover === undefined ? {} : { failover }),
  }
}

function nonsense(what: string): RoutingError {
  return new RoutingError(`routing: the function answered ${what}; the name of a backend is expected, or nothing`)
}

function isPlain(value: unknown): value is SendOptions {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}
