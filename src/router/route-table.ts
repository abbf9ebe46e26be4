import { countryOf, digitsOf } from '../messages/country.ts'
import type { MessageClass } from '../messages/lane.ts'
import type { SendOptions } from '../messages/outgoing.ts'
import type { Share } from './route-share.ts'

/** How the numbers of one operator are known. */
export interface Operator {
  /** Codes of its networks, as services tell them (country code and network code: `63902`). */
  readonly networks: readonly string[]
  /** What its numbers begin with, without the plus; for numbers of which no network is known. */
  readonly prefixes: readonly string[]
}

/** What a message has to be for a rule to hold. Of a list, one has to fit; of several lists, each. */
export interface RouteCondition {
  readonly prefix?: readonly string[] | undefined
  readonly country?: readonly string[] | undefined
  readonly operator?: readonly string[] | undefined
  readonly class?: readonly MessageClass[] | undefined
  readonly module?: readonly string[] | undefined
  readonly type?: readonly string[] | undefined
}

/** One line of the table of routes. */
export interface RouteRule {
  readonly name: string
  readonly when: RouteCondition
  readonly share: Share
  readonly failover: readonly string[]
  /** Our address: one for all backends, or one for each that is named. */
  readonly from: string | Readonly<Record<string, string>> | undefined
  readonly options: SendOptions | undefined
}

/** What of a message its rule is found by. */
export interface RoutedBy {
  readonly identity: string
  readonly class: MessageClass
  /** The code of the person's network, where a service has told it. */
  readonly network: string | null
  readonly module: string | undefined
  readonly type: string | undefined
}

/** The first rule that holds for a message. */
export function ruleFor(
  rules: readonly RouteRule[],
  operators: ReadonlyMap<string, Operator>,
  by: RoutedBy,
): RouteRule | undefined {
  const country = once(() => countryOf(by.identity))
  return rules.find(({ when }) => holds(when, by, operators, country))
}

function holds(
  { prefix, country, operator, class: classes, module, type }: RouteCondition,
  by: RoutedBy,
  operators: ReadonlyMap<string, Operator>,
  countryOfNumber: () => string | undefined,
): boolean {
  if (classes !== undefined && !classes.includes(by.class)) return false
  if (module !== undefined && !includes(module, by.module)) return false
  if (type !== undefined && !includes(type, by.type)) return false
  if (prefix !== undefined && !begins(by.identity, prefix)) return false
  if (operator !== undefined && !operator.some((name) => isOf(operators.get(name), by))) return false
  return country === undefined || includes(country, countryOfNumber())
}

/** A number may have been taken along to another operator: what a service says of it goes before its prefix. */
function isOf(operator: Operator | undefined, { identity, network }: RoutedBy): boolean {
  if (operator === undefined) return false
  if (network !== null && operator.networks.length > 0) return operator.networks.includes(network)
  return begins(identity, operator.prefixes)
}

function begins(identity: string, prefixes: readonly string[]): boolean {
  const digits = digitsOf(identity)
  return prefixes.some((prefix) => digits.startsWith(prefix))
}

function includes(list: readonly string[], value: string | undefined): boolean {
  return value !== undefined && list.includes(value)
}

function once<T>(find: () => T): () => T {
  let found: { readonly value: T } | undefined
  return () => {
    found ??= { value: find() }
    return found.value
  }
}
