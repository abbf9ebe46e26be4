import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { requestBytes } from './requests.ts'

/** Whether wrk is installed. */
export function hasWrk(): boolean {
  return spawnSync('wrk', ['--version']).error === undefined
}

/** Requests a second by wrk: the same requests as the generator's, from as many people. */
export function wrkPerSecond(
  folder: string,
  target: { port: number; path: string; connections: number; people: number; seconds: number },
): number {
  const { port, path, connections, people, seconds } = target
  const script = join(folder, 'wrk.lua')
  writeFileSync(script, luaFor(path, people))
  const url = `http://127.0.0.1:${port}${path}`
  const args = ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, '-s', script, url]
  const { stdout } = spawnSync('wrk', args, { encoding: 'utf8' })
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN)
}

function luaFor(path: string, people: number): string {
  const requests = Array.from({ length: people }, (_, person) => {
    return JSON.stringify(requestBytes(path, person, person).toString('latin1'))
  })
  return `local requests = {${requests.join(',')}}
local next = 0
request = function()
  next = next % #requests + 1
  return requests[next]
end
`
}
