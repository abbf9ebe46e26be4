import { aliasRoutes } from '../http/api/aliases.ts'
import { SendingApi } from '../http/api/api.ts'
import type { Route } from '../http/routes.ts'
import type { Built } from './build.ts'
import { makeLimiter } from './limiter.ts'
import type { Settings } from './parse.ts'

/** Whether anybody may use the sending API. */
function isOn({ http }: Settings): boolean {
  return Object.keys(http.users).length > 0
}

/** The sending API, where settings name users and this process takes requests. */
export function makeApi({ settings, role, router, store, clock, logger }: Built): SendingApi | undefined {
  if (!isOn(settings) || role === 'worker') return undefined
  const { api, users, publicUrl, trustedProxies } = settings.http
  return new SendingApi({
    settings: api,
    users,
    limiter: makeLimiter(settings, { clock, logger }),
    router,
    store,
    keyFor: settings.idempotency.keptFor,
    clock,
    logger,
    projectName: settings.projectName,
    publicUrl,
    trustedProxies,
  })
}

/** Where services may call beside the routes of their backends. */
export function apiRoutes(settings: Settings): readonly Route[] {
  return isOn(settings) ? [...settings.backends.values()].flatMap(aliasRoutes) : []
}
