import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ownModules } from '../../src/cli/own-modules.ts'
import { proxyOptions } from '../../src/cli/proxy-options.ts'
import { loadSettings } from '../../src/settings/load.ts'
import { parseSettings } from '../../src/settings/parse.ts'
import { checkout } from '../support/process.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

const guide = readFileSync(join(checkout, 'docs', 'proxy.md'), 'utf8')
const examples = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code)

describe('docs/proxy.md', function () {
  // The first settings file brings all of the package along.
  this.timeout(60_000)
  let folder: TempFolder
  before(() => {
    folder = tempFolder()
  })
  after(() => folder.remove())

  for (const [index, code] of examples.entries()) {
    it(`has settings that can be used: example ${index + 1}`, async () => {
      const file = join(folder.path, `settings-${index}.ts`)
      writeFileSync(file, code.replaceAll(/process\.env\['\w+'\] \?\? ''/g, "'of-the-environment'"))
      const settings = parseSettings(await loadSettings(file, await ownModules()))
      expect(Object.keys(settings.proxy?.handlers ?? {})).to.include('message')
    })
  }

  it('tells every option of the command', () => {
    const table = guide.slice(guide.indexOf('\n## switchboard proxy'), guide.indexOf('\n## Differences'))
    const rows = [...table.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell)
    const named = rows.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
    expect(named.sort()).to.deep.equal(proxyOptions.map(({ name }) => name).sort())
  })
})
