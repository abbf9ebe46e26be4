// `npm run bench`: sets up, builds the server and the benchmark, runs it. `npm run bench -- --help` tells the options.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { root, run, SetupError, setUp } from './setup.mjs'

const NO_BUILD = '--no-build'
const args = process.argv.slice(2)

try {
  await setUp()
  if (!args.includes(NO_BUILD)) await build()
  await buildBench()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  console.error(error.message)
  process.exit(1)
}

// In this same process, so that a signal sent to it ends the servers too.
process.argv.splice(2, args.length, ...args.filter((arg) => arg !== NO_BUILD))
await import(pathToFileURL(join(root, 'data/bench/js/bench/main.js')).href)

/** Plain JavaScript is what the baselines and the generator run as, since the server does. */
async function buildBench() {
  const { code, output } = await run(join(root, 'node_modules/.bin/tsc'), ['-p', 'bench/tsconfig.json'])
  if (code !== 0) throw new SetupError(`bench does not compile:\n${output.trimEnd()}`)
}
