import { z } from 'zod'
import { isAddressOrNetwork } from '../proxies.ts'

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*$/i

/** How programs are told of what happens. Times are milliseconds. */
export const callbackSettings = z.strictObject({
  allow: z
    .array(
      z
        .string()
        .refine(
          (entry) => isAddressOrNetwork(entry) || HOST_NAME.test(entry),
          'an address, a network or a host name is expected, such as 10.0.0.7, 10.0.0.0/8 or receiver.internal',
        ),
    )
    .default([])
    .describe('Private and local addresses, networks and host names that callbacks may reach; none by default'),
  ports: z
    .union([z.literal('any'), z.array(z.int().min(1).max(65_535)).min(1)])
    .default([80, 443, 8080, 8443])
    .describe('Ports that callbacks may reach'),
  most: z.int().min(1).max(10_000).default(20).describe('Callbacks of one user'),
  concurrency: z.int().min(1).default(4).describe('Requests to one URL of one user at the same time, of one process'),
  allConcurrency: z
    .int()
    .min(1)
    .default(32)
    .describe('Requests to all URLs at the same time, of one process; no user has more of them than are free'),
  timeLimit: z.int().min(1).default(10_000).describe('For one request, from the look for the address on'),
  firstDelay: z.int().min(1).default(5_000).describe('Before the second try; doubled by each, with jitter'),
  longestDelay: z.int().min(1).default(3_600_000).describe('The longest delay'),
  maxAge: z
    .int()
    .min(1)
    .default(86_400_000)
    .describe('After the event, when a try that fails is the last one and the callback is kept as dead'),
})

export type CallbackSettings = z.output<typeof callbackSettings>
