import { createHash, timingSafeEqual } from 'node:crypto'
import { InvalidInputError } from '../messages/errors.ts'
import type { Backend, BackendSecret, View, ViewAnswer, ViewRequest } from '../router/backend.ts'

/** One route: a path and the view of a backend that answers it. */
export interface Route {
  readonly path: string
  readonly backend: Backend
  readonly viewName: string
  readonly view: View
}

/** A path that two views claim, its secret left out. */
export interface RouteClash {
  readonly path: string
  readonly claimants: readonly [Route, Route]
}

/**
 * The routes of backends: by convention `/backends/<name>/` and below, other paths by settings.
 * @param prefix in place of the convention, for one backend mounted by hand
 * @throws InvalidInputError when the prefix is no path
 */
export function routesOf(backend: Backend, prefix?: string): readonly Route[] {
  const { path, paths, secret } = backend.common
  if (prefix !== undefined && !prefix.startsWith('/')) {
    throw new InvalidInputError(`prefix: a path that begins with / is expected, not ${JSON.stringify(prefix)}`)
  }
  const base = withSlash(prefix ?? path ?? `/backends/${backend.name}/`)
  const guarded = secret?.in === 'path' ? `${base}${secret.value}/` : base
  return Object.entries(backend.views).map(([viewName, view]) => ({
    path: Object.hasOwn(paths, viewName) ? (paths[viewName] ?? base) : `${guarded}${viewName}`,
    backend,
    viewName,
    view,
  }))
}

/** Finds routes by path, without looking at each; a slash at the end may be left out or added. */
export class RouteTable {
  readonly routes: readonly Route[]
  readonly clashes: readonly RouteClash[]
  readonly #open = new Map<string, Route>()
  readonly #guarded: readonly { readonly digest: Buffer; readonly route: Route }[]
  /** Where paths nobody else should know begin. */
  readonly #hidden: readonly { readonly base: string; readonly backend: string }[]

  constructor(routes: readonly Route[]) {
    this.routes = routes
    this.clashes = clashesOf(routes)
    const guarded = routes.filter(isPathGuarded)
    this.#guarded = guarded.map((route) => ({ digest: digest(keyOf(route.path)), route }))
    for (const route of routes) {
      if (!isPathGuarded(route) && !this.#open.has(keyOf(route.path))) this.#open.set(keyOf(route.path), route)
    }
    this.#hidden = routes
      .filter((route) => isPathGuarded(route) || !route.path.startsWith(`/backends/${route.backend.name}/`))
      .map((route) => ({ base: hiddenBase(route), backend: route.backend.name }))
  }

  find(path: string): Route | undefined {
    const key = keyOf(path)
    const open = this.#open.get(key)
    if (open !== undefined || this.#guarded.length === 0) return open
    // Every secret path is compared in constant time, so that none can be guessed a letter at a time.
    const given = digest(key)
    let found: Route | undefined
    for (const { digest: expected, route } of this.#guarded) if (timingSafeEqual(expected, given)) found = route
    return found
  }

  /** A path as logs may show it: one that is, or is nearly, a secret or hard to guess is shown as its view's name. */
  printable(path: string): string {
    const route = this.find(path)
    if (route !== undefined) return `${route.backend.name}/${route.viewName}`
    const near = this.#hidden.find(({ base }) => base !== '/' && withSlash(path).startsWith(base))
    return near === undefined ? path : `${near.backend}/…`
  }
}

function clashesOf(routes: readonly Route[]): readonly RouteClash[] {
  const clashes: RouteClash[] = []
  const claimed = new Map<string, Route>()
  for (const route of routes) {
    const key = keyOf(route.path)
    const other = claimed.get(key)
    if (other === undefined) claimed.set(key, route)
    else clashes.push({ path: withoutSecret(route), claimants: [other, route] })
  }
  return clashes
}

/** The path with its secret left out, for people. */
export function withoutSecret({ path, backend }: Route): string {
  const { secret } = backend.common
  return secret?.in === 'path' ? path.replace(secret.value, '<secret>') : path
}

/** Ends with a slash, as what begins with it does once a slash is added. */
function hiddenBase({ path, viewName, backend }: Route): string {
  const { secret } = backend.common
  const end = secret?.in === 'path' ? path.indexOf(secret.value) : -1
  if (end >= 0) return path.slice(0, end)
  return withSlash(path.endsWith(`/${viewName}`) ? path.slice(0, path.length - viewName.length) : path)
}

/** The answer to a request that does not show the backend's secret; undefined when it does, or none is asked for. */
export function refusal(secret: BackendSecret | undefined, headers: ViewRequest['headers']): ViewAnswer | undefined {
  if (secret === undefined || secret.in === 'path') return undefined
  if (secret.in === 'header') {
    const given = headers[secret.name.toLowerCase()]
    return given !== undefined && equalSecrets(given, secret.value) ? undefined : FORBIDDEN
  }
  const expected = `Basic ${Buffer.from(`${secret.user}:${secret.password}`, 'utf8').toString('base64')}`
  const given = headers['authorization']
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
function keyOf(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`
}
