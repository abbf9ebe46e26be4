import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.mjs'

/** The folder of this checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const NEEDED_NODE = [20, 19]
const STAMP = join(root, 'node_modules', '.switchboard-setup')
const WATCH_MS = 250

/** Something that the reader can mend; its text says how. */
export class SetupError extends Error {}

/**
 * Makes node_modules fit the lock file and this Node.js; does nothing when they fit already.
 * @param {(line: string) => void} [say]
 * @throws {SetupError} that says what is missing
 */
export async function setUp(say = (line) => console.error(line)) {
  checkNode()
  if (isSetUp()) return
  await withLock(
    join(root, '.tmp', 'setup.lock'),
    async () => {
      if (isSetUp()) return
      if (!isInstalled() || loadFault() !== undefined) await install(say)
      writeFileSync(STAMP, fingerprint())
    },
    () => say('Another set-up runs in this folder; waiting for it.'),
  )
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [neededMajor, neededMinor] = NEEDED_NODE
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return
  throw new SetupError(
    `Switchboard needs Node.js ${NEEDED_NODE.join('.')} or later; this is ${process.versions.node} (${process.execPath}).`,
  )
}

/** What a set-up is made for: another lock file, Node.js or machine needs another one. */
function fingerprint() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const { version, versions, platform, arch } = process
  return `${lock} ${version} ${versions.modules} ${platform} ${arch}\n`
}

function isSetUp() {
  try {
    return readFileSync(STAMP, 'utf8') === fingerprint()
  } catch {
    return false
  }
}

/** Whether node_modules already holds what the lock file names, put there by `npm ci` or `npm install` by hand. */
function isInstalled() {
  try {
    const wanted = packagesOf(join(root, 'package-lock.json'))
    const present = packagesOf(join(root, 'node_modules', '.package-lock.json'))
    const same = ([path, { version, integrity }]) =>
      wanted[path]?.version === version && wanted[path]?.integrity === integrity
    const isThere = ([path, { optional }]) => path === '' || optional === true || path in present
    return Object.entries(present).every(same) && Object.entries(wanted).every(isThere)
  } catch {
    return false
  }
}

function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages
}

async function install(say) {
  const missing = missingTools()
  say(`Setting up: installing what package-lock.json names, for Node.js ${process.versions.node}.`)
  if (missing.length > 0) {
    say(`${list(missing)} cannot be found; it goes on without if a compiled better-sqlite3 can be had.`)
  }
  const { code, output } = await npmCi(say)
  const fault = code === 0 ? loadFault() : undefined
  if (code === 0 && fault === undefined) return
  say(output.trimEnd())
  if (fault !== undefined) say(fault)
  throw new SetupError(
    missing.length > 0
      ? `The set-up failed. To compile better-sqlite3, ${list(missing)} ${missing.length === 1 ? 'is' : 'are'} missing; install with:\n  ${installLine(missing)}`
      : `The set-up failed${code === 0 ? ': better-sqlite3 is installed, but does not load' : ` ("npm ci" ended with ${code})`}. What was printed is above.`,
  )
}

async function npmCi(say) {
  const { program, args } = npm()
  const watch = setInterval(() => {
    if (!existsSync(join(root, 'node_modules/better-sqlite3/build/config.gypi'))) return
    say('better-sqlite3 is being compiled; this takes about a minute.')
    clearInterval(watch)
  }, WATCH_MS)
  try {
    return await run(program, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], headers())
  } finally {
    clearInterval(watch)
  }
}

/**
 * Runs a program in this checkout to its end and keeps what it prints. A signal that ends us ends it too.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Record<string, string>} [env] put over our own
 * @returns {Promise<{ code: number | null, output: string }>}
 * @throws {SetupError} when it cannot be started
 */
export async function run(program, args, env = {}) {
  const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const stop = (signal) => {
    child.kill(signal)
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
  try {
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
    return { code, output }
  } catch (error) {
    throw new SetupError(`${program} cannot be started: ${error.message}`)
  } finally {
    process.removeListener('SIGTERM', stop).removeListener('SIGINT', stop)
  }
}

/** The npm that runs us, or the one on the path. */
function npm() {
  const { npm_execpath: script } = process.env
  return script?.endsWith('.js') && existsSync(script)
    ? { program: process.execPath, args: [script] }
    : { program: 'npm', args: [] }
}

/** The Node.js headers that are on this machine, so that node-gyp fetches none. */
function headers() {
  if (process.env.npm_config_nodedir) return {}
  const prefixes = [dirname(dirname(process.execPath)), '/usr']
  const prefix = prefixes.find((each) => fitsThisNode(join(each, 'include/node/node_version.h')))
  return prefix === undefined ? {} : { npm_config_nodedir: prefix }
}

/** Headers of another Node.js would compile, and then not load. */
function fitsThisNode(file) {
  try {
    const text = readFileSync(file, 'utf8')
    return new RegExp(`#define NODE_MODULE_VERSION ${process.versions.modules}\\b`).test(text)
  } catch {
    return false
  }
}

/** Loads better-sqlite3 as the server will, in a process of its own: a wrong binary can end the process. */
function loadFault() {
  const script = "new (require('better-sqlite3'))(':memory:').prepare('SELECT 1').get()"
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' })
  return status === 0 ? undefined : `better-sqlite3 does not load (${signal ?? status}):\n${stderr.trimEnd()}`
}

const tools = [
  { name: 'make', programs: ['make', 'gmake'] },
  { name: 'g++', programs: [process.env.CXX, 'g++', 'c++', 'clang++'] },
  { name: 'python3', programs: [process.env.PYTHON, 'python3', 'python'] },
]

function missingTools() {
  return tools.filter(({ programs }) => !programs.some(isOnPath)).map(({ name }) => name)
}

/** Whether a program can be run by this name. */
export function isOnPath(program) {
  if (!program) return false
  const folders = program.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter)
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const installers = [
  { program: 'apt-get', line: (names) => `apt-get install -y ${names.join(' ')}` },
  { program: 'apk', line: (names) => `apk add ${names.join(' ')}` },
  {
    program: 'dnf',
    line: (names) => `dnf install -y ${names.map((name) => (name === 'g++' ? 'gcc-c++' : name)).join(' ')}`,
  },
  { program: 'brew', line: () => 'xcode-select --install' },
]

/** The line that installs these packages here. */
export function installLine(names) {
  const installer = installers.find(({ program }) => isOnPath(program)) ?? installers[0]
  return installer.line(names)
}

function list(names) {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
