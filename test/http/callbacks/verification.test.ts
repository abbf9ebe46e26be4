import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { signatureHeaders } from '../../../src/http/callbacks/callback-signature.ts'
import { checkout } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts'

const SECRET = `whsec_${Buffer.from('a secret of ours').toString('base64')}`
const OTHER = `whsec_${Buffer.from('another secret').toString('base64')}`
const BODY = '{"text":"ключ & \\"more\\""}'

interface Case {
  readonly title: string
  readonly secret: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly good: boolean
}

const now = () => Math.floor(Date.now() / 1_000)
const signed = (at = now()) => signatureHeaders(SECRET, 'e1', at, BODY)

const cases: readonly (() => Case)[] = [
  () => ({ title: 'ours', secret: SECRET, headers: signed(), body: BODY, good: true }),
  () => ({ title: 'another body', secret: SECRET, headers: signed(), body: `${BODY} `, good: false }),
  () => ({ title: 'another secret', secret: OTHER, headers: signed(), body: BODY, good: false }),
  () => ({
    title: 'another id',
    secret: SECRET,
    headers: { ...signed(), 'webhook-id': 'e2' },
    body: BODY,
    good: false,
  }),
  () => ({ title: 'an old one', secret: SECRET, headers: signed(now() - 400), body: BODY, good: false }),
  () => ({ title: 'one of the future', secret: SECRET, headers: signed(now() + 400), body: BODY, good: false }),
  () => ({ title: 'no headers', secret: SECRET, headers: {}, body: BODY, good: false }),
]

/** The code of docs/callbacks.md that verifies a request, in a language. */
function codeOf(language: string): string {
  const page = readFileSync(join(checkout, 'docs', 'callbacks.md'), 'utf8')
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, code = '']) => code,
  )
  const code = blocks.find((each) => each.includes('verify('))
  if (code === undefined) throw new Error(`docs/callbacks.md verifies nothing in ${language}`)
  return code
}

describe('the code of the guide that verifies callbacks', () => {
  let folder: TempFolder
  before(() => {
    folder = tempFolder()
  })
  after(() => folder.remove())

  /** Runs a program that reads a case from standard input and prints true or false. */
  const runs = (program: string, args: readonly string[], values: Case) => {
    const input = JSON.stringify(values)
    const { stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' })
    expect(stderr).to.equal('')
    return stdout.trim()
  }

  it('in TypeScript', async () => {
    const file = join(folder.path, 'verify.ts')
    writeFileSync(file, codeOf('ts'))
    const { verify } = (await import(pathToFileURL(file).href)) as {
      verify(secret: string, headers: Readonly<Record<string, string>>, body: string): boolean
    }
    for (const make of cases) {
      const { title, secret, headers, body, good } = make()
      expect(verify(secret, headers, body), title).to.equal(good)
    }
  })

  it('in Python', function () {
    this.timeout(60_000)
    if (spawnSync('python3', ['--version']).status !== 0) skip(this, 'python3 is not installed')
    const file = join(folder.path, 'verify.py')
    const main = `import json, sys
c = json.load(sys.stdin)
print("true" if verify(c["secret"], c["headers"], c["body"].encode()) else "false")
`
    writeFileSync(file, `${codeOf('python')}\n\n${main}`)
    for (const make of cases) {
      const values = make()
      expect(runs('python3', [file], values), values.title).to.equal(String(values.good))
    }
  })

  it('in PHP', function () {
    this.timeout(60_000)
    if (spawnSync('php', ['--version']).status !== 0) skip(this, 'php is not installed')
    const file = join(folder.path, 'verify.php')
    const main = `$c = json_decode(file_get_contents('php://stdin'), true);
echo verify($c['secret'], $c['headers'], $c['body']) ? 'true' : 'false';
`
    writeFileSync(file, `${codeOf('php')}\n${main}`)
    for (const make of cases) {
      const values = make()
      expect(runs('php', [file], values), values.title).to.equal(String(values.good))
    }
  })
})
