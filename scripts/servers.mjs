import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { isOnPath } from './setup.mjs'

/**
 * The programs beside Node.js that some tests need: what Debian calls their package, and by which programs one sees
 * that they are there.
 */
export const servers = [
  { name: 'Chromium', package: 'chromium', programs: ['chromium'] },
  { name: 'Redis', package: 'redis-server', programs: ['redis-server'] },
  {
    name: 'PostgreSQL',
    package: 'postgresql',
    programs: ['postgres', ...debianPrograms('/usr/lib/postgresql', 'postgres')],
  },
  { name: 'Kannel', package: 'kannel', programs: ['bearerbox', '/usr/sbin/bearerbox'] },
  { name: "Kannel's fakesmsc", package: 'kannel-extras', programs: ['/usr/lib/kannel/test/fakesmsc'] },
]

/** Those that are not on this machine. */
export function missingServers() {
  return servers.filter(({ programs }) => !programs.some(isOnPath))
}

/** The line by which a person installs one of them. */
export function installLine(server) {
  return `apt-get install -y ${server.package}`
}

/**
 * Installs them, where that can be done without asking anybody: by root, on Debian.
 * @param {readonly (typeof servers)[number][]} missing
 * @param {(line: string) => void} say
 */
export function installServers(missing, say) {
  const isRoot = process.getuid?.() === 0
  if (missing.length === 0 || !isRoot || !existsSync('/etc/debian_version') || !isOnPath('apt-get')) return
  const packages = missing.map((server) => server.package)
  say(`Installing what tests need: ${packages.join(', ')}.`)
  const install = () => aptGet('install', '-y', '--no-install-recommends', ...packages)
  // The lists of a fresh machine are empty, those of an old one may name packages that are gone.
  const first = install()
  if (first.status === 0) return
  const update = aptGet('update')
  const second = install()
  if (second.status !== 0) say(`${update.stderr ?? ''}${second.stdout ?? ''}${second.stderr ?? second.error ?? ''}`)
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', args, { env, encoding: 'utf8' })
}

/** Debian keeps some programs off the path, in a folder for each version. */
function debianPrograms(folder, program) {
  return existsSync(folder) ? readdirSync(folder).map((version) => `${folder}/${version}/bin/${program}`) : []
}
