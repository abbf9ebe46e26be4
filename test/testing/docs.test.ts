import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { echo } from 'sms-switchboard/apps'
import { testSwitchboard } from 'sms-switchboard/testing'
import { rejection } from '../support/rejection.ts'

const root = join(import.meta.dirname, '..', '..')

function examplesOf(page: string): readonly { readonly line: number; readonly code: string }[] {
  const text = readFileSync(join(root, 'docs', page), 'utf8')
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ index, 1: code = '' }) => ({
    line: text.slice(0, index).split('\n').length,
    code,
  }))
}

describe('examples of the documentation', () => {
  let folder: string
  before(async () => {
    // Beside this file, where the names of the package's entries are known.
    folder = await mkdtemp(join(import.meta.dirname, '.examples-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  for (const page of ['testing.md', 'apps.md', 'templates.md', 'sending.md', 'events.md']) {
    const examples = examplesOf(page)
    it(`stand in docs/${page}`, () => expect(examples.length).to.be.greaterThan(4))

    for (const { line, code } of examples) {
      it(`run as they are written: docs/${page}, line ${line}`, async () => {
        const file = join(folder, `${page}-${line}.ts`)
        await writeFile(file, code)
        await import(pathToFileURL(file).href)
      })
    }
  }

  it('show what a script says when it fails', async () => {
    const t = await testSwitchboard({ apps: [echo()] })
    const error = await rejection(t.script('\n8005551212 > echo hello\n8005551212 < good bye'))
    await t.stop()
    expect(readFileSync(join(root, 'docs', 'testing.md'), 'utf8')).to.contain((error as Error).message)
  })
})
