import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { expect } from 'chai'
import { checkout } from './support/process.ts'

/** A folder sees itself and folders of a lower rank; those of equal rank are blind to each other. */
const ranks: Readonly<Record<string, number>> = {
  messages: 0,
  store: 1,
  queue: 1,
  router: 2,
  backends: 3,
  apps: 3,
  http: 4,
  settings: 5,
  cli: 6,
  testing: 6,
}

/** Packages that only one folder may know. */
const owners: Readonly<Record<string, string>> = {
  koa: 'http',
  '@koa/router': 'http',
  'koa-body': 'http',
  'better-sqlite3': 'store',
  kysely: 'store',
  commander: 'cli',
  jiti: 'settings',
  ioredis: 'queue',
}

/** What apps and backends share; all other files there are one app or one backend each. */
const shared: Readonly<Record<string, readonly string[]>> = {
  apps: ['define.ts', 'keyword.ts', 'pattern.ts', 'conversation.ts'],
  backends: ['define.ts', 'view.ts', 'form.ts', 'body.ts', 'http-client.ts', 'undici.ts'],
}

/** The one file inside src that uses the public entries: it hands them to settings files. */
const USES_INDEXES = 'cli/own-modules.ts'

interface Import {
  readonly file: string
  readonly target: string
}

const src = join(checkout, 'src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
const imports: readonly Import[] = files.flatMap((file) =>
  specifiers(readFileSync(join(src, file), 'utf8')).map((specifier) => ({
    file,
    target: specifier.startsWith('.') ? posix.join(dirname(file), specifier) : specifier,
  })),
)
const own = imports.filter(({ target }) => files.includes(target))
const foreign = imports.filter(({ target }) => !files.includes(target))

/** Static, dynamic, type-only and re-exporting imports alike. */
function specifiers(source: string): string[] {
  const found = source.matchAll(
    /^(?:import|export)\b[^'"]*?\bfrom\s*'([^']+)'|^import\s*'([^']+)'|\bimport\('([^']+)'\)/gm,
  )
  return [...found].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
}

function folderOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : ''
}

function packageOf(specifier: string): string {
  const [scope = '', name = ''] = specifier.split('/')
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}

const shown = ({ file, target }: Import) => `${file} imports ${target}`

describe('the imports of src', () => {
  it('are seen by this test', () => {
    expect(files.length).to.be.greaterThan(50)
    expect(own.length).to.be.greaterThan(200)
    const source = `import a from 'a'\nimport type { B } from './b.ts'\nexport {\n  c,\n} from './c.ts'\nawait import('./d.ts')\nimport './e.ts'\n`
    expect(specifiers(source)).to.deep.equal(['a', './b.ts', './c.ts', './d.ts', './e.ts'])
  })

  it('name files that are there', () => {
    expect(foreign.filter(({ target }) => /^\.|\.ts$/.test(target)).map(shown)).to.deep.equal([])
  })

  it('come from folders that have a rank', () => {
    const folders = new Set(files.map(folderOf))
    expect([...folders].filter((folder) => folder !== '' && ranks[folder] === undefined)).to.deep.equal([])
    expect(files.filter((file) => folderOf(file) === '')).to.deep.equal(['index.ts'])
  })

  it('go to the own folder or to one of a lower rank', () => {
    const upward = own.filter(({ file, target }) => {
      const [from, to] = [folderOf(file), folderOf(target)]
      if (from === '' || to === '' || from === to) return false
      return (ranks[to] ?? 0) >= (ranks[from] ?? 0)
    })
    expect(upward.filter(({ file }) => file !== USES_INDEXES).map(shown)).to.deep.equal([])
  })

  it('go to files, not to public entries', () => {
    const entries = own.filter(({ file, target }) => /(^|\/)index\.ts$/.test(target) && file !== USES_INDEXES)
    expect(entries.map(shown)).to.deep.equal([])
  })

  it('make no circle, types included', () => {
    expect(circles(own)).to.deep.equal([])
  })

  it('never lead from one app or backend to another', () => {
    const between = own.filter(({ file, target }) => {
      const folder = folderOf(file)
      const common = shared[folder]
      if (common === undefined || folderOf(target) !== folder) return false
      return ![file, target].some((each) => common.includes(relative(folder, each)) || each.endsWith('index.ts'))
    })
    expect(between.filter(isBetweenDefinitions).map(shown)).to.deep.equal([])
  })

  it('bring a package in only where it is known', () => {
    const strays = foreign.filter(({ file, target }) => {
      const owner = owners[packageOf(target)]
      return owner !== undefined && folderOf(file) !== owner
    })
    expect(strays.map(shown)).to.deep.equal([])
  })

  it('bring in no package that is not a dependency', () => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
      peerDependencies: Record<string, string>
    }
    const known = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)])
    const strays = foreign.filter(({ target }) => !target.startsWith('node:') && !known.has(packageOf(target)))
    expect(strays.map(shown)).to.deep.equal([])
  })
})

/** A file that defines an app or a backend of its own, as against a part that was moved out of one. */
function isBetweenDefinitions({ file, target }: Import): boolean {
  return [file, target].every((each) => /\bdefine(App|Backend)\b|: App\b/.test(readFileSync(join(src, each), 'utf8')))
}

/** Each circle once, as the path that closes it. */
function circles(edges: readonly Import[]): string[] {
  const targets = new Map<string, Import[]>()
  for (const edge of edges) targets.set(edge.file, [...(targets.get(edge.file) ?? []), edge])
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const { target } of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of targets.keys()) visit(file, [])
  return found
}
