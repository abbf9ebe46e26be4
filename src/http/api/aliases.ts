import type { Backend } from '../../router/backend.ts'
import type { Route } from '../routes.ts'

/** Under which names services find the views of a backend. Opera wants its name to end with what it is answered by. */
const aliases: readonly (readonly [viewName: string, names: readonly string[]])[] = [
  ['status', ['receipt.json', 'receipt.xml']],
  ['', ['receive.json', 'receive.xml']],
]

/**
 * The views that take messages and reports, under `/api/v1/sms/<backend>/` as well, for services that were set up to call
 * there. They are protected as the views are; where settings have given them a path of their own, that is the only one.
 */
export function aliasRoutes(backend: Backend): readonly Route[] {
  const { path, paths, secret } = backend.common
  if (path !== undefined) return []
  const guard = secret?.in === 'path' ? `${secret.value}/` : ''
  return aliases.flatMap(([viewName, names]) => {
    const view = backend.views[viewName]
    if (view === undefined || paths[viewName] !== undefined) return []
    return names.map((name) => ({ path: `/api/v1/sms/${backend.name}/${guard}${name}`, backend, viewName, view }))
  })
}
