import type { Backend } from '../router/backend.ts'
import type { RouteRule } from '../router/route-table.ts'
import { type RoutingFunction, type RoutingSettings, whyNoRoute } from '../router/routing.ts'
import type { SettingsFault } from './errors.ts'
import { expectation, faultsOf } from './faults.ts'
import { deepFreeze, frozenMap } from './freeze.ts'
import { isRecord } from './record.ts'
import { type RoutingValues, routingSettings } from './routing-settings.ts'

/** The backends that the settings name, those that have faults of their own included. */
export interface KnownBackends {
  readonly names: readonly string[]
  readonly parsed: readonly Backend[]
}

type Rule = RoutingValues['rules'][number]

/** Checks the routing; whatever is wrong is added to the faults. */
export function parseRouting(input: unknown, backends: KnownBackends, faults: SettingsFault[]): RoutingSettings {
  const { choose, ...table } = split(input, faults)
  const parsed = routingSettings.safeParse(table, { error: expectation })
  if (!parsed.success) {
    faults.push(...faultsOf(parsed.error, 'routing', routingSettings, ['choose']))
    return toSettings(routingSettings.parse({}), undefined)
  }
  faults.push(...namedFaults(parsed.data, backends), ...operatorFaults(parsed.data))
  return toSettings(parsed.data, choose)
}

/** A function alone is the whole of it. */
function split(
  input: unknown,
  faults: SettingsFault[],
): { readonly choose?: RoutingFunction | undefined; readonly [key: string]: unknown } {
  if (input === undefined) return {}
  if (isFunction(input)) return { choose: input }
  if (!isRecord(input)) {
    faults.push({ path: 'routing', message: 'a function, or an object with rules, is expected' })
    return {}
  }
  const { choose, ...table } = input
  if (choose === undefined) return table
  if (isFunction(choose)) return { ...table, choose }
  faults.push({ path: 'routing.choose', message: 'a function is expected' })
  return table
}

function isFunction(value: unknown): value is RoutingFunction {
  return typeof value === 'function'
}

function toSettings(
  { rules, operators, default: usual, attempts }: RoutingValues,
  choose: RoutingFunction | undefined,
): RoutingSettings {
  const known = Object.entries(operators).map(
    ([name, { networks = [], prefixes = [] }]) => [name, { networks, prefixes }] as const,
  )
  return Object.freeze({
    rules: deepFreeze(rules.map(toRule)),
    operators: frozenMap(known),
    attempts,
    ...(usual === undefined ? {} : { default: usual }),
    ...(choose === undefined ? {} : { choose }),
  })
}

function toRule({ name, when, failover = [], from, options, ...rule }: Rule, index: number): RouteRule {
  const share = shareOf(rule)
  return { name: name ?? String(index + 1), when, share, failover, from, options }
}

function shareOf({ to, share = {} }: Pick<Rule, 'to' | 'share'>): RouteRule['share'] {
  return to === undefined ? Object.entries(share) : [[to, 1]]
}

/** Backends that are not there, or that nothing can be routed to. */
function namedFaults({ rules, default: usual }: RoutingValues, backends: KnownBackends): SettingsFault[] {
  const check = (name: string, path: string) => faultsOfName(name, path, backends)
  const ofRules = rules.flatMap((rule, index) => {
    const path = `routing.rules.${index}`
    const { to, share = {}, failover = [], from } = rule
    const first = new Set(shareOf(rule).map(([name]) => name))
    return [
      ...(to === undefined ? [] : check(to, `${path}.to`)),
      ...Object.keys(share).flatMap((name) => check(name, `${path}.share.${name}`)),
      ...failover.flatMap((name, at) => check(name, `${path}.failover.${at}`)),
      ...failover.flatMap((name, at) =>
        first.has(name) || failover.indexOf(name) < at
          ? [{ path: `${path}.failover.${at}`, message: `"${name}" is in this route already` }]
          : [],
      ),
      ...(typeof from === 'object' ? Object.keys(from).flatMap((name) => check(name, `${path}.from.${name}`)) : []),
    ]
  })
  return [...(usual === undefined ? [] : check(usual, 'routing.default')), ...ofRules]
}

function faultsOfName(name: string, path: string, { names, parsed }: KnownBackends): SettingsFault[] {
  if (!names.includes(name)) {
    return [{ path, message: `there is no backend "${name}"; there are ${names.join(', ') || 'none'}` }]
  }
  const backend = parsed.find((each) => each.name === name)
  const why = backend === undefined ? undefined : whyNoRoute(backend)
  return why === undefined ? [] : [{ path, message: `"${name}" ${why}` }]
}

function operatorFaults({ rules, operators }: RoutingValues): SettingsFault[] {
  const known = Object.keys(operators)
  const empty = known.flatMap((name) => {
    const { networks, prefixes } = operators[name] ?? {}
    if (networks !== undefined || prefixes !== undefined) return []
    return [{ path: `routing.operators.${name}`, message: 'networks or prefixes are expected' }]
  })
  const unknown = rules.flatMap(({ when }, index) =>
    (when.operator ?? []).flatMap((name, at) => {
      if (known.includes(name)) return []
      const message = `there is no operator "${name}"; there are ${known.join(', ') || 'none'}`
      return [{ path: `routing.rules.${index}.when.operator.${at}`, message }]
    }),
  )
  return [...empty, ...unknown]
}

/** The routing as it may be printed. */
export function printableRouting({ choose, operators, ...table }: RoutingSettings): Readonly<Record<string, unknown>> {
  return {
    ...table,
    operators: Object.fromEntries(operators),
    ...(choose === undefined ? {} : { choose: 'a function' }),
  }
}
