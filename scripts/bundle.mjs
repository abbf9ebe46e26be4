import { cpSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './setup.mjs'

const SRC = join(root, 'src')
/** What the package exports, and the command. */
const ENTRIES = ['index', 'backends/index', 'apps/index', 'http/index', 'testing/index', 'cli/main']
/** Beside the chunk that starts it, as it is beside the module that starts it in src. */
const STORE_THREAD = { in: join(SRC, 'store/sqlite/store-thread.ts'), out: 'chunks/store-thread' }
/** Some hundred small modules, loaded by the server and by its store's thread: half of the time of a start. */
const INLINED = ['kysely']

/**
 * Writes the JavaScript of src to a folder: a file for each entry, and chunks for what they share. Loading some
 * five hundred small modules would take a server twice as long.
 * @param {string} folder
 */
export async function bundle(folder) {
  await build({
    entryPoints: [...ENTRIES.map((name) => ({ in: join(SRC, `${name}.ts`), out: name })), STORE_THREAD],
    outdir: folder,
    bundle: true,
    splitting: true,
    // One folder deep, like the modules of src, which look for package.json two folders above.
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
    plugins: [{ name: 'packages', setup: leavePackages }],
  })
  for (const name of INLINED) {
    cpSync(join(root, 'node_modules', name, 'LICENSE'), join(folder, `chunks/LICENSE.${name}`))
  }
}

/** @param {import('esbuild').PluginBuild} build */
function leavePackages(build) {
  build.onResolve({ filter: /^[^./]/ }, ({ path }) => {
    if (isBuiltin(path)) return { path, external: true }
    const isInlined = INLINED.some((name) => path === name || path.startsWith(`${name}/`))
    return isInlined ? undefined : { path, external: true }
  })
}
