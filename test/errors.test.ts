import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { checkout } from './support/process.ts'

interface Known {
  readonly code: string
  readonly name: string
}

interface ErrorClass {
  readonly name: string
  readonly parent: string
  readonly isAbstract: boolean
  readonly code: string | undefined
  /** What the class itself says of trying again. */
  readonly retry: string | undefined
}

const src = join(checkout, 'src')
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(src, file), 'utf8'))
const classes = sources.flatMap(classesOf)
const own = classes.filter(({ name, isAbstract }) => !isAbstract && isOurs(name))

const rows = readFileSync(join(checkout, 'docs/errors.md'), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, code = '']) => /^`[A-Z_]+`$/.test(code))
const documented: readonly Known[] = rows.map(([, code = '', name = '']) => ({ code: bare(code), name: bare(name) }))

function classesOf(source: string): ErrorClass[] {
  const found = source.matchAll(/^export (abstract )?class (\w+) extends (\w*Error)\b[^{]*\{(.*?)^\}/gms)
  return [...found].map(([, abstract, name = '', parent = '', body = '']) => ({
    name,
    parent,
    isAbstract: abstract !== undefined,
    code: /\breadonly code = '([A-Z_]+)'/.exec(body)?.[1],
    retry: /\breadonly retry = (true|false)/.exec(body)?.[1],
  }))
}

function isOurs(name: string): boolean {
  if (name === 'SwitchboardError') return true
  const parent = classes.find((each) => each.name === name)?.parent
  return parent !== undefined && isOurs(parent)
}

function bare(cell: string): string {
  return cell.replaceAll('`', '')
}

const byCode = (one: Known, other: Known) => one.code.localeCompare(other.code)

describe('errors', () => {
  it('are found by this test', () => {
    expect(own.length).to.be.greaterThan(10)
  })

  it('each have a code of their own, in capitals', () => {
    expect(own.filter(({ code }) => code === undefined).map(({ name }) => name)).to.deep.equal([])
    expect(new Set(own.map(({ code }) => code)).size).to.equal(own.length)
  })

  it('have a line in docs/errors.md, and each line there has its class', () => {
    const known = own.map(({ code = '', name }) => ({ code, name }))
    expect([...documented].sort(byCode)).to.deep.equal(known.sort(byCode))
  })

  it('have lines that are complete, and say of trying again what the class says', () => {
    for (const [, code = '', name = '', meaning = '', remedy = '', again = ''] of rows) {
      expect([meaning, remedy, again], code).to.not.include('')
      const { retry } = own.find((each) => each.name === bare(name)) ?? {}
      if (retry !== undefined) expect(again.startsWith('yes'), code).to.equal(retry === 'true')
    }
  })

  it('are public', () => {
    const index = readFileSync(join(src, 'index.ts'), 'utf8')
    const missing = own.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(index)).map(({ name }) => name)
    expect(missing).to.deep.equal([])
  })
})
