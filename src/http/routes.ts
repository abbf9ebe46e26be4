import { createHash, timingSafeEqual } from 'node:crypto'
import type { Backend, BackendSecret, View, ViewAnswer, ViewRequest } from '../router/backend.ts'

/** One route: a path and the view of a backend that answers it. */
export interface Route {
  readonly path: string
  readonly backend: Backend
  readonly viewName: string
  readonly view: View
}

/** A path that two views claim. */
export interface RouteClash {
  readonly path: string
  readonly claimants: readonly [Route, Route]
}

/**
 * The routes of backends: by convention `/backends/<name>/` and below, other paths by settings.
 * @param prefix in place of the convention, for one backend mounted by hand
 */
export function routesOf(backend: Backend, prefix?: string): readonly Route[] {
  const { path, paths, secret } = backend.common
  const base = withSlash(prefix ?? path ?? `/backends/${backend.name}/`)
  const guarded = secret?.in === 'path' ? `${base}${secret.value}/` : base
  return Object.entries(backend.views).map(([viewName, view]) => ({
    path: paths[viewName] ?? `${guarded}${viewName}`,
    backend,
    viewName,
    view,
  }))
}

/** Finds routes by path, without looking at each. */
export class RouteTable {
  readonly routes: readonly Route[]
  readonly clashes: readonly RouteClash[]
  readonly #byPath = new Map<string, Route>()
  readonly #guarded: readonly Route[]

  constructor(routes: readonly Route[]) {
    const clashes: RouteClash[] = []
    for (const route of routes) {
      if (isPathGuarded(route)) continue
      for (const path of spellings(route.path)) {
        const other = this.#byPath.get(path)
        if (other === undefined) this.#byPath.set(path, route)
        else if (path === route.path) clashes.push({ path, claimants: [other, route] })
      }
    }
    this.routes = routes
    this.clashes = clashes
    this.#guarded = routes.filter(isPathGuarded)
  }

  find(path: string): Route | undefined {
    const exact = this.#byPath.get(path)
    if (exact !== undefined || this.#guarded.length === 0) return exact
    // Every secret path is compared in constant time, so that none can be guessed a letter at a time.
    let found: Route | undefined
    for (const route of this.#guarded) {
      for (const spelling of spellings(route.path)) if (equalSecrets(spelling, path)) found = route
    }
    return found
  }
}

/** The answer to a request that does not show the backend's secret; undefined when it does, or none is asked for. */
export function refusal(secret: BackendSecret | undefined, request: ViewRequest): ViewAnswer | undefined {
  if (secret === undefined || secret.in === 'path') return undefined
  if (secret.in === 'header') {
    const given = request.headers[secret.name.toLowerCase()]
    return given !== undefined && equalSecrets(given, secret.value) ? undefined : FORBIDDEN
  }
  const expected = `Basic ${Buffer.from(`${secret.user}:${secret.password}`, 'utf8').toString('base64')}`
  const given = request.headers['authorization']
  return given !== undefined && equalSecrets(given.replace(/^basic /i, 'Basic '), expected) ? undefined : UNAUTHORIZED
}

/** Compares in a time that says nothing of where two texts differ. */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

const FORBIDDEN: ViewAnswer = { status: 403, headers: { 'content-type': 'text/plain' }, body: 'Forbidden' }
const UNAUTHORIZED: ViewAnswer = {
  status: 401,
  headers: { 'content-type': 'text/plain', 'www-authenticate': 'Basic realm="switchboard", charset="UTF-8"' },
  body: 'Unauthorized',
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}

function isPathGuarded({ backend, viewName }: Route): boolean {
  return backend.common.secret?.in === 'path' && backend.common.paths[viewName] === undefined
}

/** `/backends/x/` is found as `/backends/x` too: a redirect would lose the body of a POST. */
function spellings(path: string): readonly string[] {
  return path.endsWith('/') && path.length > 1 ? [path, path.slice(0, -1)] : [path]
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`
}
