import { z } from 'zod'
import { type EventName, type EventSettings, eventNames, type Hook, type SetHooks } from '../router/events.ts'
import { namedHook } from '../router/hooks.ts'

function hooksOf<Name extends EventName>() {
  const hook = z.custom<Hook<Name>>((given) => typeof given === 'function', 'a function is expected')
  const withOptions = z.strictObject({
    hook,
    before: z.boolean().optional(),
    name: z.string().min(1).optional(),
  })
  return z.array(z.union([hook, withOptions], 'a function, or { hook, before, name } is expected')).default([])
}

/** Hooks, and how they are run. Times are milliseconds. */
export const eventSettings = z.strictObject({
  receive: hooksOf<'receive'>().describe('Called when a message was taken in'),
  send: hooksOf<'send'>().describe('Called when a service took a message'),
  status: hooksOf<'status'>().describe('Called when a service reported of a message'),
  timeLimit: z.int().min(1).default(30_000).describe('For one call of a hook'),
  beforeTimeLimit: z
    .int()
    .min(1)
    .default(5_000)
    .describe('For one call of a hook that runs before; a service waits for it'),
  attempts: z.int().min(1).default(5).describe('How often a hook runs for one event when it fails'),
  firstDelay: z.int().min(1).default(1_000).describe('Before the second time; doubled by each, with jitter'),
  longestDelay: z.int().min(1).default(60_000).describe('The longest delay'),
  concurrency: z.int().min(1).default(16).describe('Events whose hooks run at the same time'),
  mostWaiting: z
    .int()
    .min(1)
    .default(10_000)
    .describe('Events whose hooks may wait; those of further ones are left out'),
})

/** As settings are printed: hooks by their names. */
export function printableEvents(settings: EventSettings): Readonly<Record<string, unknown>> {
  const printed = <Name extends EventName>(event: Name, given: SetHooks) =>
    given[event].map((setting, index) => {
      const { name, before } = namedHook(event, setting, index)
      return before ? { name, before } : name
    })
  const named = eventNames.map((name) => [name, printed(name, settings)] as const)
  return { ...settings, ...Object.fromEntries(named) }
}
