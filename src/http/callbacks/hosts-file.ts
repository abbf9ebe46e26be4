import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'

/** The names that this machine knows by itself (hosts(5)); read again when it has changed. */
export class HostsFile {
  readonly #path: string
  #names: ReadonlyMap<string, readonly string[]> = new Map()
  #changedAt = -1

  constructor(path = '/etc/hosts') {
    this.#path = path
  }

  /** The addresses of a name, in their order; none where the file is not there. */
  async addressesOf(host: string): Promise<readonly string[]> {
    const { mtimeMs } = await stat(this.#path).catch(() => ({ mtimeMs: -1 }))
    if (mtimeMs !== this.#changedAt) {
      this.#names = mtimeMs === -1 ? new Map() : parsed(await readFile(this.#path, 'utf8').catch(() => ''))
      this.#changedAt = mtimeMs
    }
    return this.#names.get(host.toLowerCase()) ?? []
  }
}

function parsed(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    // One with a zone stands beside those that can be connected to from everywhere.
    if (isIP(address) === 0 || address.includes('%')) continue
    for (const name of names) {
      const key = name.toLowerCase()
      found.set(key, [...(found.get(key) ?? []), address])
    }
  }
  return found
}
