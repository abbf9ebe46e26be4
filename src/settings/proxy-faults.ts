import { backendOf } from '../http/proxy/sending.ts'
import { handlerPath, type ProxySettings } from '../http/proxy/settings.ts'
import { RouteTable, routesOf } from '../http/routes.ts'
import { ruledText } from '../messages/text-rules.ts'
import type { Backend } from '../router/backend.ts'
import type { SettingsFault } from './errors.ts'

type Backends = ReadonlyMap<string, Backend>

/** What the schema of the proxy cannot see: whether its backends are there, its texts fit, and its paths are free. */
export function proxyFaults(proxy: ProxySettings | undefined, backends: readonly Backend[]): SettingsFault[] {
  if (proxy === undefined) return []
  const named = new Map(backends.map((backend) => [backend.name, backend]))
  const ofHandlers = Object.entries(proxy.handlers).flatMap(([name, handler]) => {
    const place = `proxy.handlers.${name}`
    return [...backendFaults(handler.backend, named, place), ...textFaults(handler, named, place)]
  })
  return [...ofHandlers, ...pathFaults(proxy, backends)]
}

function backendFaults(name: string | undefined, backends: Backends, place: string): SettingsFault[] {
  if (name === undefined) {
    const canSend = [...backends.values()].some(({ send, copies }) => send !== undefined && copies === undefined)
    return canSend ? [] : [{ path: place, message: 'no backend of the settings can send' }]
  }
  const path = `${place}.backend`
  const backend = backends.get(name)
  if (backend === undefined) {
    return [{ path, message: `there is no such backend; there are ${[...backends.keys()].join(', ')}` }]
  }
  return backend.send === undefined ? [{ path, message: 'this backend only receives' }] : []
}

function textFaults(
  { text, backend }: ProxySettings['handlers'][string],
  backends: Backends,
  place: string,
): SettingsFault[] {
  if (backendFaults(backend, backends, place).length > 0) return []
  const rules = backends.get(backendOf({ backends }, { backend }))?.common.text
  if (rules === undefined) return []
  const texts = typeof text === 'string' ? [['', text] as const] : Object.entries(text)
  return texts.flatMap(([language, each]) => {
    const ruled = ruledText(each, rules)
    if (!('refused' in ruled)) return []
    const path = `${place}.text${language === '' ? '' : `.${language}`}`
    return [{ path, message: ruled.refused.replace(/^text: /, '') }]
  })
}

const OWN_PATHS = /^\/($|backends\/|console(\/|$)|api\/|healthz\/?$|readyz\/?$|metrics\/?$|openapi\.json\/?$)/

function pathFaults(proxy: ProxySettings, backends: readonly Backend[]): SettingsFault[] {
  const { handlers, validation } = proxy
  const paths = Object.entries(handlers).map(([name, handler]) => ({
    place: handler.path === undefined ? `proxy.handlers.${name}` : `proxy.handlers.${name}.path`,
    path: handlerPath(name, handler),
  }))
  if (validation.enabled) paths.push({ place: 'proxy.validation.path', path: validation.path })
  const table = new RouteTable(backends.flatMap((backend) => routesOf(backend)))
  return paths.flatMap(({ place, path }, index) => {
    if (OWN_PATHS.test(path)) return [{ path: place, message: `the path ${path} is the server's own` }]
    const route = table.find(path)
    if (route !== undefined)
      return [{ path: place, message: `the path ${path} is the backend "${route.backend.name}"'s` }]
    const other = paths.slice(0, index).find((each) => bare(each.path) === bare(path))
    return other === undefined
      ? []
      : [{ path: place, message: `the path ${path} is claimed by ${other.place} already` }]
  })
}

function bare(path: string): string {
  return path.replace(/\/$/, '').toLowerCase()
}
