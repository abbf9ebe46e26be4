import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { checkout } from '../support/process.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

const run = promisify(execFile)
const results = join(checkout, 'bench', 'results.md')

/** The baseline alone needs no built server, so that none is built while other tests run theirs. */
function bench(...args: readonly string[]) {
  return run(process.execPath, ['scripts/bench.mjs', '--no-build', ...args], { cwd: checkout })
}

function usualResults(): string | undefined {
  return existsSync(results) ? readFileSync(results, 'utf8') : undefined
}

describe('npm run bench', function () {
  this.timeout(60_000)

  let folder: TempFolder

  before(() => {
    folder = tempFolder()
  })

  after(() => folder.remove())

  it('measures a case and writes its table, and in what conditions, to the named file alone', async () => {
    const before = usualResults()
    const out = join(folder.path, 'results.md')
    const { stdout } = await bench('--quick', '--only', 'a', '--out', out)
    const written = readFileSync(out, 'utf8')
    const row = written.split('\n').find((line) => line.startsWith('| a  bare node:http'))
    const cells = row?.split('|').map((cell) => cell.trim()) ?? []
    expect(Number(cells[2]?.replaceAll(',', '')), 'messages/s').to.be.greaterThan(0)
    expect(written).to.match(/^Disk: [\d,]+ syncs\/s before the run, [\d,]+ after it/m)
    expect(written).to.contain(`Node.js ${process.version}`)
    expect(stdout).to.contain(row)
    expect(usualResults()).to.equal(before)
  })

  const wrongUsage: readonly [string, readonly string[], RegExp][] = [
    ['a case that is not there', ['--only', 'c,x'], /--only x: there is no such case/],
    ['an option that is not there', ['--fast'], /--fast/],
  ]
  for (const [what, args, message] of wrongUsage) {
    it(`says what is wrong about ${what} in one line, and ends with 2`, async () => {
      const failure = await bench(...args).catch((error: unknown) => error)
      expect(failure).to.include({ code: 2 })
      expect((failure as { stderr: string }).stderr.trim().split('\n')).to.have.lengthOf(1)
      expect((failure as { stderr: string }).stderr).to.match(message)
    })
  }
})
