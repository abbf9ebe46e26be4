import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkout, type Exit, serving, startProcess } from './support/process.ts'
import { plainSettings, post } from './support/project.ts'
import { type TempFolder, tempFolder } from './support/temp-folder.ts'

interface Manifest {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const manifest = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as Manifest
const lock = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

/** A program of a user's, which uses every entry; the lines that expect an error show that the types are there. */
const PROGRAM = `
import { createSwitchboard, defineApp, defineBackend, defineSettings, SwitchboardError } from 'sms-switchboard'
import { echo, keyword } from 'sms-switchboard/apps'
import { httpBackend, httptester } from 'sms-switchboard/backends'
import type { Route } from 'sms-switchboard/http'
import { testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'

const greeter = defineApp({
  name: 'greeter',
  handle(message) {
    // @ts-expect-error a text is no number
    const wrong: number = message.text
    return message.text === 'hi' && wrong !== 1 ? message.respond('hello ' + message.connection.identity) : undefined
  },
})

const memo = defineBackend({
  kind: 'memo',
  settings: z.strictObject({ url: z.url() }),
  async send(message, { settings }) {
    const url: string = settings.url
    return { externalIds: [url + message.id] }
  },
})

const settings = defineSettings({
  backends: { tester: httptester(), web: httpBackend({ params: { identity: 'phone', text: 'message' } }), memo: memo({ url: 'http://127.0.0.1' }) },
  apps: [greeter, echo(), keyword('time', (message) => message.respond('now'))],
  databaseUrl: 'sqlite::memory:',
  log: { level: 'silent' },
})

const switchboard = createSwitchboard(settings)
const routes: readonly Route[] = switchboard.routes
await switchboard.start()
await switchboard.router.receive('tester', { identity: '1', text: 'hi' })
await switchboard.stop()

const t = await testSwitchboard({ apps: [greeter, echo()] })
await t.script(\`
  8005551212 > echo hello
  8005551212 < hello
\`)
await t.stop()

let refused = ''
try {
  createSwitchboard(defineSettings({ backends: {}, apps: [] }))
} catch (error) {
  refused = error instanceof SwitchboardError ? error.code : String(error)
}
console.log(routes.length > 0, refused)
`

const COMPILER_OPTIONS = {
  target: 'es2023',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  types: ['node'],
  outDir: 'out',
}

async function succeeding(running: { readonly exited: Promise<Exit> }): Promise<string> {
  const { code, stdout, stderr } = await running.exited
  expect(code, `${stdout}${stderr}`).to.equal(0)
  return stdout
}

describe('the package', function () {
  this.timeout(180_000)
  let folder: TempFolder
  let files: readonly string[]
  const npm = (cwd: string, ...args: readonly string[]) =>
    startProcess('npm', [...args, '--silent', '--no-audit', '--no-fund', '--prefer-offline'], { cwd })

  before(async () => {
    folder = tempFolder()
    const packed = await succeeding(npm(checkout, 'pack', '--json', '--pack-destination', folder.path))
    const [{ filename, files: inside }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }]
    files = inside.map(({ path }) => path)
    writeFileSync(join(folder.path, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    await succeeding(npm(folder.path, 'install', `./${filename}`, '--ignore-scripts'))
    // Compiled once, when this checkout was set up.
    const binary = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node'
    mkdirSync(join(folder.path, binary, '..'), { recursive: true })
    cpSync(join(checkout, binary), join(folder.path, binary))
  })

  after(() => folder.remove())

  it('holds what a user needs', () => {
    const entries = Object.values(manifest.exports).flatMap((entry) => [entry.types, entry.default])
    const needed = [...entries, ...Object.values(manifest.bin)].map((path) => path.replace(/^\.\//, ''))
    expect(files).to.include.members([...needed, 'package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'])
    expect(files).to.include.members(['docs/errors.md', 'docs/command.md', 'docs/settings.md'])
  })

  it('holds nothing else', () => {
    const rest = files.filter(
      (path) =>
        !/^(dist\/.*\.(js|d\.ts)|dist\/chunks\/LICENSE\.[\w-]+|docs\/.*\.md|[A-Z]+\.md|LICENSE|package\.json)$/.test(
          path,
        ),
    )
    expect(rest).to.deep.equal([])
    expect(files.filter((path) => path.endsWith('.js'))).to.have.length.within(20, 200)
  })

  it('has types that a strict program compiles with, and code that it runs with', async () => {
    mkdirSync(join(folder.path, 'node_modules/@types'), { recursive: true })
    for (const name of ['@types/node', 'undici-types']) {
      const place = join(folder.path, 'node_modules', name)
      if (!existsSync(place)) symlinkSync(join(checkout, 'node_modules', name), place)
    }
    writeFileSync(join(folder.path, 'program.ts'), PROGRAM)
    writeFileSync(
      join(folder.path, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['program.ts'] }),
    )
    const compiler = join(checkout, 'node_modules/.bin/tsc')
    await succeeding(startProcess(compiler, ['-p', '.'], { cwd: folder.path }))
    const printed = await succeeding(startProcess(process.execPath, ['out/program.js'], { cwd: folder.path }))
    expect(printed).to.equal('true SETTINGS\n')
  })

  it('ships types that name only what is installed with them', async () => {
    const config = { ...COMPILER_OPTIONS, skipLibCheck: false, noEmit: true }
    writeFileSync(
      join(folder.path, 'tsconfig.strict.json'),
      JSON.stringify({ compilerOptions: config, include: ['program.ts'] }),
    )
    const compiler = join(checkout, 'node_modules/.bin/tsc')
    const { stdout } = await startProcess(compiler, ['-p', 'tsconfig.strict.json'], { cwd: folder.path }).exited
    const ours = stdout.split('\n').filter((line) => line.includes('sms-switchboard/'))
    expect(ours).to.deep.equal([])
  })

  it('gives the command', async () => {
    const help = await succeeding(startProcess('npx', ['switchboard', '--help'], { cwd: folder.path }))
    expect(help).to.include('Usage: switchboard')
    const version = await succeeding(startProcess('npx', ['switchboard', '--version'], { cwd: folder.path }))
    expect(version).to.equal(`${manifest.version}\n`)
  })

  it('serves a settings.ts', async () => {
    writeFileSync(join(folder.path, 'settings.ts'), plainSettings)
    const command = join(folder.path, 'node_modules/.bin/switchboard')
    const server = await serving(startProcess(command, ['start', '--port', '0'], { cwd: folder.path }))
    expect(await post(server, '1', 'echo hello')).to.equal('200 OK')
    expect(await server.stop()).to.deep.include({ code: 0 })
  })
})

describe('package.json and package-lock.json', () => {
  it('name exact versions', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).to.deep.equal([])
  })

  it('agree with each other', () => {
    const locked = lock.packages[''] as unknown as Manifest
    const { version, dependencies, devDependencies, bin } = manifest
    expect(locked).to.deep.include({ version, dependencies, devDependencies })
    expect(Object.keys(locked.bin)).to.deep.equal(Object.keys(bin))
  })

  it('name no registry, so that each machine uses its own', () => {
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)
    expect(resolved.map(([path]) => path)).to.deep.equal([])
  })

  it('lock every package of every platform; npm ci refuses a lock file with gaps', () => {
    const gaps = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          lock.packages[`node_modules/${name}`] === undefined &&
          lock.packages[`${path}/node_modules/${name}`] === undefined,
      ),
    )
    expect(gaps).to.deep.equal([])
  })
})
