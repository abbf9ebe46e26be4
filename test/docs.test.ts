import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect } from 'chai'
import { checkout, startProcess } from './support/process.ts'
import { type TempFolder, tempFolder } from './support/temp-folder.ts'

interface Example {
  readonly page: string
  readonly line: number
  readonly code: string
}

const pages = [
  ...readdirSync(checkout).filter((name) => name.endsWith('.md')),
  ...markdownBelow('docs'),
  ...markdownBelow('examples'),
]
/** Blocks marked `ts fragment` are parts of something and stand for themselves. */
const examples = pages.flatMap(examplesOf)

function markdownBelow(folder: string): string[] {
  if (!existsSync(join(checkout, folder))) return []
  const files = readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' })
  return files
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => join(folder, name))
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(join(checkout, page), 'utf8')
  const blocks = text.matchAll(/^```(?:ts|typescript)[ \t]*\n(.*?)^```$/gms)
  return [...blocks].map(({ index, 1: code = '' }) => ({
    page,
    line: text.slice(0, index).split('\n').length + 1,
    code,
  }))
}

/** The anchors that a page's headings have on its host. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#{1,6}\s+(.*)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )
}

function brokenLinks(page: string): string[] {
  const text = readFileSync(join(checkout, page), 'utf8').replace(/^```.*?^```$/gms, '')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? join(checkout, page) : resolve(join(checkout, dirname(page)), path)
    if (!existsSync(file)) return true
    return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor)
  })
}

describe('the documentation', () => {
  it('is found by this test', () => {
    expect(pages).to.include('docs/errors.md')
    expect(examples.length).to.be.greaterThan(0)
  })

  for (const page of pages) {
    it(`${page} has no link that leads nowhere`, () => {
      expect(brokenLinks(page)).to.deep.equal([])
    })
  }

  describe('has examples', function () {
    this.timeout(60_000)
    let folder: TempFolder | undefined

    after(() => folder?.remove())

    it('that type-check against this version', async () => {
      mkdirSync(join(checkout, '.tmp'), { recursive: true })
      folder = tempFolder(join(checkout, '.tmp'))
      for (const [index, { page, line, code }] of examples.entries()) {
        const name = `${page.replace(/\W+/g, '-')}-line-${line}-${index}.ts`
        writeFileSync(join(folder.path, name), `${code}\nexport {}\n`)
      }
      const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false }
      const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] }
      writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(config))
      const compiler = join(checkout, 'node_modules/.bin/tsc')
      const { code, stdout } = await startProcess(compiler, ['-p', folder.path]).exited
      expect({ code, stdout }).to.deep.equal({ code: 0, stdout: '' })
    })
  })
})
