import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { copyCheckout } from '../support/checkout-copy.ts'
import { checkout, startProcess } from '../support/process.ts'
import type { TempFolder } from '../support/temp-folder.ts'

const good = `it('passes', () => {})`
const bad = `it('fails', () => { throw new Error('the reason of it') })`
const hook = `describe('a suite', () => { before(() => { throw new Error('the hook broke') }); it('never runs', () => {}) })`
const skipped = `
import { skip } from '${checkout}/test/support/skip.ts'
it('is skipped', function () { skip(this, 'no such tool; apt-get install -y tool') })
describe('a suite', () => {
  before(function () { skip(this, 'none of it') })
  it('is skipped with it', () => {})
})
`
const silent = `it('says nothing', function () { this.skip() })`
const unreadable = `import './no-such-file.ts'`
const ends = `it('ends the process', () => { process.exit(0) })`

interface Case {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly ci?: boolean
  readonly code: number
  readonly last: string
  readonly says?: readonly string[]
}

const cases: readonly Case[] = [
  { name: 'everything passes', files: { a: good, b: good }, code: 0, last: '2 passed, 0 failed' },
  {
    name: 'a test fails',
    files: { a: good, b: bad },
    code: 1,
    last: '1 passed, 1 failed',
    says: ['FAILED: fails (test/b.test.ts)', 'Error: the reason of it', 'b.test.ts:1:'],
  },
  { name: 'a hook fails', files: { a: hook }, code: 1, last: '0 passed, 1 failed', says: ['Error: the hook broke'] },
  {
    name: 'tests are skipped with a reason',
    files: { a: good, b: skipped },
    code: 0,
    last: '1 passed, 0 failed, 2 skipped',
    says: [
      'skipped: is skipped: no such tool; apt-get install -y tool\n',
      'skipped: a suite is skipped with it: none of it\n',
    ],
  },
  {
    name: 'tests are skipped where CI=true, which nobody has allowed',
    files: { a: good, b: skipped },
    ci: true,
    code: 1,
    last: '1 passed, 2 failed',
    says: ['It may not be skipped where CI=true: none of it'],
  },
  {
    name: 'a test is skipped without a reason',
    files: { a: good, b: silent },
    code: 1,
    last: '1 passed, 1 failed',
    says: ['FAILED: says nothing', 'without a reason'],
  },
  { name: 'a file cannot be loaded', files: { a: good, b: unreadable }, code: 1, last: '1 passed, 1 failed' },
  {
    name: 'a test ends the process',
    files: { a: ends },
    code: 1,
    last: '0 passed, 1 failed',
    says: ['ends the process'],
  },
  { name: 'no test ran', files: {}, code: 1, last: '0 passed, 1 failed', says: ['No test ran'] },
]

describe('npm test', function () {
  this.timeout(60_000)
  let copy: TempFolder

  before(async () => {
    copy = await copyCheckout('.mocharc.json')
  })

  after(() => copy.remove())

  for (const [index, { name, files, ci = false, code, last, says = [] }] of cases.entries()) {
    it(`ends with ${code} and "${last}" when ${name}`, async () => {
      const folder = `case-${index}`
      mkdirSync(join(copy.path, 'test', folder), { recursive: true })
      for (const [file, content] of Object.entries(files)) {
        writeFileSync(join(copy.path, 'test', folder, `${file}.test.ts`), content)
      }
      const env = { CI: ci ? 'true' : undefined }
      const exit = await startProcess(process.execPath, ['scripts/test.mjs', `${folder}/`], { cwd: copy.path, env })
        .exited
      expect(exit.code, exit.stdout + exit.stderr).to.equal(code)
      expect(exit.stdout.trimEnd().split('\n').at(-1)).to.equal(last)
      for (const words of says) expect(exit.stdout).to.include(words.replace('test/', `test/${folder}/`))
    })
  }
})
