import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { buildSync } from 'esbuild'
import { checkout } from './process.ts'

/**
 * A program of the tests as plain JavaScript, which is removed when this process ends: from its source it would take
 * seconds to start.
 * @param source a TypeScript file
 * @returns the file to run
 */
export function testProgram(source: string): string {
  const folder = join(checkout, '.tmp', `programs-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, `${basename(source, '.ts')}.mjs`)
  buildSync({ entryPoints: [source], outfile, bundle: true, packages: 'external', format: 'esm', platform: 'node' })
  return outfile
}
