import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.mjs'
import { root, run, SetupError, setUp } from './setup.mjs'

const DIST = join(root, 'dist')
const STAMP = join(DIST, '.built')

/**
 * Compiles src to dist, when anything it depends on has changed since the last time.
 * @throws {SetupError} with the compiler's words
 */
export async function build() {
  const wanted = fingerprint()
  if (isBuilt(wanted)) return
  await withLock(join(root, '.tmp', 'build.lock'), async () => {
    if (!isBuilt(wanted)) await compile(wanted)
  })
}

function isBuilt(wanted) {
  try {
    return readFileSync(STAMP, 'utf8') === wanted
  } catch {
    return false
  }
}

/** dist changes at one stroke, and holds nothing that src no longer has. */
async function compile(stamp) {
  const fresh = join(root, '.tmp/dist-new')
  const old = join(root, '.tmp/dist-old')
  const clean = () => {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true })
  }
  clean()
  try {
    const { code, output } = await run(join(root, 'node_modules/.bin/tsc'), [
      ...['-p', 'tsconfig.build.json'],
      ...['--outDir', fresh, '--emitDeclarationOnly'],
    ])
    if (code !== 0) throw new SetupError(`src does not compile:\n${output.trimEnd()}`)
    // Loaded only now: it is one of the packages that the set-up installs.
    const { bundle } = await import('./bundle.mjs')
    await bundle(fresh)
    writeFileSync(join(fresh, '.built'), stamp)
    if (existsSync(DIST)) renameSync(DIST, old)
    renameSync(fresh, DIST)
  } finally {
    clean()
  }
}

/** Of everything that decides what dist holds. */
function fingerprint() {
  const hash = createHash('sha256')
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
  for (const file of [
    ...sources,
    ...['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/bundle.mjs'].map(at),
  ]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0')
  }
  return hash.digest('hex')
}

function at(name) {
  return join(root, name)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setUp()
    await build()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
