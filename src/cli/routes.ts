import { silentLogger } from '../messages/logger.ts'
import { createSwitchboard } from '../settings/switchboard.ts'
import { type CommonOptions, readSettings } from './open.ts'
import type { Output } from './output.ts'

/** Prints which path is answered by which view of which backend. */
export async function routes(options: CommonOptions, output: Output): Promise<number> {
  const input = await readSettings(options)
  const switchboard = createSwitchboard(input, { env: process.env, logger: silentLogger, role: 'command' })
  const rows = switchboard.routes.map(({ path, backend, viewName, view }) => [
    (view.methods ?? ['GET', 'POST']).join(', '),
    backend.common.secret?.in === 'path' ? path.replace(backend.common.secret.value, '<secret>') : path,
    backend.name,
    backend.kind,
    viewName === '' ? '(incoming)' : viewName,
  ])
  await switchboard.parts.http.close()
  for (const line of table([['METHODS', 'PATH', 'BACKEND', 'KIND', 'VIEW'], ...rows])) output.out(line)
  return 0
}

/** Lines with columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
