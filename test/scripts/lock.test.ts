import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkout, type Exit, startProcess } from '../support/process.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

const PROCESSES = 6

/** Adds one to a number in a file, slowly enough to be overtaken. */
const SCRIPT = `
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { withLock } from '${checkout}/scripts/lock.mjs'

await withLock('locks/lock', async () => {
  const count = Number(readFileSync('count', 'utf8'))
  await pause(20)
  writeFileSync('count', String(count + 1))
})
`

describe('the lock of set-up and build', function () {
  this.timeout(30_000)
  let folder: TempFolder

  beforeEach(() => {
    folder = tempFolder()
    writeFileSync(join(folder.path, 'count'), '0')
    mkdirSync(join(folder.path, 'locks'))
  })

  afterEach(() => folder.remove())

  function count(): Promise<Exit> {
    return startProcess(process.execPath, ['--input-type=module', '-e', SCRIPT], { cwd: folder.path }).exited
  }

  it('lets in one process at a time, and is gone afterwards', async () => {
    const exits = await Promise.all(Array.from({ length: PROCESSES }, count))
    expect(exits.map(({ code, stderr }) => `${code}${stderr}`)).to.deep.equal(exits.map(() => '0'))
    expect(readFileSync(join(folder.path, 'count'), 'utf8')).to.equal(String(PROCESSES))
    expect(existsSync(join(folder.path, 'locks/lock'))).to.equal(false)
  })

  it('is taken over from a process that has died, by one of those that wait', async () => {
    const dead = startProcess(process.execPath, ['-e', ''])
    await dead.exited
    writeFileSync(join(folder.path, 'locks/lock'), JSON.stringify({ pid: dead.pid, host: hostname() }))
    await Promise.all(Array.from({ length: PROCESSES }, count))
    expect(readFileSync(join(folder.path, 'count'), 'utf8')).to.equal(String(PROCESSES))
  })
})
