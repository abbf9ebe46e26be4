import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { root, SetupError, setUp } from './setup.mjs'

try {
  await setUp()
  await build()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  console.error(error.message)
  process.exit(1)
}

// In this same process, so that a signal sent to it reaches the server itself.
const command = join(root, 'dist/cli/main.js')
process.argv.splice(1, 1, command, 'start')
await import(pathToFileURL(command).href)
