import { PublicProxy } from '../http/proxy/proxy.ts'
import type { Built } from './build.ts'
import { makeLimiter } from './limiter.ts'

/** The public proxy, where settings have one and this process takes requests. */
export function makeProxy({ settings, role, router, store, clock, logger }: Built): PublicProxy | undefined {
  const { proxy, http, languages, numbers } = settings
  if (proxy === undefined || role === 'worker') return undefined
  return new PublicProxy({
    settings: proxy,
    limiter: makeLimiter(settings, { clock, logger, url: proxy.limits.redisUrl }),
    router,
    store,
    clock,
    logger,
    languages,
    region: numbers.region,
    publicUrl: http.publicUrl,
    trustedProxies: http.trustedProxies,
  })
}
