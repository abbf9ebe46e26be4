import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { askApi, KEY, serveApi } from '../../support/api.ts'
import { checkout } from '../../support/process.ts'
import { skip } from '../../support/skip.ts'
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts'
import type { Web } from '../../support/web.ts'

const run = promisify(execFile)

interface Sample {
  readonly lang: string
  readonly source: string
}

/** Requests that a sender may make with what a new switchboard has; the ids of the others are made up. */
const shown = ['send', 'templateSend', 'statuses', 'messages']

describe('the examples of the API', function () {
  this.timeout(60_000)
  let web: Web
  let folder: TempFolder
  let samples: ReadonlyMap<string, readonly Sample[]>

  before(async () => {
    folder = tempFolder()
    web = await serveApi()
    const { body } = await askApi(web, '/openapi.json', { as: null })
    const operations = Object.values(body.paths as Record<string, Record<string, { operationId: string }>>).flatMap(
      (methods) => Object.values(methods) as { operationId: string; 'x-codeSamples': readonly Sample[] }[],
    )
    samples = new Map(operations.map((operation) => [operation.operationId, operation['x-codeSamples']]))
  })

  after(async () => {
    await web.stop()
    folder.remove()
  })

  /** Runs one as it stands, against this server, and reads what it prints. */
  async function printed(id: string, lang: string, program: string, args: readonly string[], ending: string) {
    const source = samples.get(id)?.find((sample) => sample.lang === lang)?.source ?? ''
    const file = join(folder.path, `${id}.${ending}`)
    const own = source.replaceAll('http://localhost:8000', web.url).replace('username:password', 'ann:ann-password')
    writeFileSync(file, own)
    const env = { PATH: process.env['PATH'] ?? '', API_KEY: KEY }
    const { stdout } = await run(program, [...args, file], { cwd: checkout, env })
    return JSON.parse(stdout) as unknown
  }

  for (const id of shown) {
    it(`${id}: curl`, async () => {
      expect(await printed(id, 'Shell', 'sh', [], 'sh')).to.be.an(id === 'messages' ? 'object' : 'array')
    })

    it(`${id}: TypeScript`, async () => {
      const found = await printed(id, 'TypeScript', process.execPath, ['--import', 'tsx'], 'mts')
      expect(found).to.be.an(id === 'messages' ? 'object' : 'array')
    })

    it(`${id}: Python`, async function () {
      if (spawnSync('python3', ['--version']).status !== 0) skip(this, 'python3 is not installed')
      expect(await printed(id, 'Python', 'python3', [], 'py')).to.be.an(id === 'messages' ? 'object' : 'array')
    })
  }
})
