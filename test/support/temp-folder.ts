import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of a test's own; `remove()` in its `after`. */
export interface TempFolder {
  readonly path: string
  remove(): void
}

export function tempFolder(parent = tmpdir()): TempFolder {
  const path = mkdtempSync(join(parent, 'switchboard-test-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
