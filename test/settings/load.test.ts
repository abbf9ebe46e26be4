import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ownModules } from '../../src/cli/own-modules.ts'
import { SettingsError } from '../../src/settings/errors.ts'
import { findSettings, loadSettings, readDotEnv } from '../../src/settings/load.ts'
import { parseSettings } from '../../src/settings/parse.ts'
import { builtCommand } from '../support/built.ts'
import { runQuickly } from '../support/command.ts'
import { serving, startProcess } from '../support/process.ts'
import { rejection } from '../support/rejection.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'

/** An enum, a class of an app, an error, zod, another file beside it, the test kit: what a settings file may hold. */
const SETTINGS = `
import { defineBackend, defineSettings, ServerError, SwitchboardError } from 'sms-switchboard'
import { httptester } from 'sms-switchboard/backends'
import { testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'
import { Greeter } from './greeter.ts'

enum Names { Tester = 'tester', Own = 'own' }

const error: Error = new ServerError('down')
if (!(error instanceof SwitchboardError)) throw new Error('another instance')

const own = defineBackend({
  kind: 'own',
  settings: z.strictObject({ error: z.instanceof(ServerError).default(error as ServerError), kit: z.any().default(() => testSwitchboard) }),
  async send() { throw error },
})

export default defineSettings({
  databaseUrl: 'sqlite::memory:',
  backends: { [Names.Tester]: httptester(), [Names.Own]: own({ sending: { attempts: 1 } }) },
  apps: [Greeter],
})
`

const GREETER = `
import type { App, IncomingMessage } from 'sms-switchboard'
import { greeting } from './texts.ts'

export class Greeter implements App {
  readonly name = 'greeter'
  handle(message: IncomingMessage): true {
    return message.respond(greeting satisfies string, { to: { backend: 'own', identity: message.identity } })
  }
}
`

describe('loading a settings file', () => {
  let folder: TempFolder

  beforeEach(() => {
    folder = tempFolder()
  })
  afterEach(() => folder.remove())

  function write(name: string, text: string): string {
    const file = join(folder.path, name)
    writeFileSync(file, text)
    return file
  }

  function writeProject(): string {
    write('greeter.ts', GREETER)
    write('texts.ts', "export const greeting: string = 'Habari!'\n")
    return write('settings.ts', SETTINGS)
  }

  it('takes TypeScript from a folder without node_modules, with the classes of the running instance', async () => {
    const modules = await ownModules()
    const settings = parseSettings(await loadSettings(writeProject(), modules))
    expect([...settings.backends.keys()]).to.deep.equal(['tester', 'own'])
    expect(settings.apps[0]).to.have.property('name', 'greeter')
    const own = settings.backends.get('own')?.settings as { error: object; kit: unknown }
    expect(own.error.constructor).to.equal(
      (modules['sms-switchboard'] as typeof import('../../src/index.ts')).ServerError,
    )
    expect(own.kit).to.equal(
      (modules['sms-switchboard/testing'] as typeof import('../../src/testing/index.ts')).testSwitchboard,
    )
  })

  it('does so through the built command, which knows the errors of its backends', async () => {
    writeProject()
    const args = [builtCommand(), 'start']
    const server = await serving(startProcess(process.execPath, args, { cwd: folder.path, env: { PORT: '0' } }))
    try {
      const body = new URLSearchParams({ identity: '254712345678', text: 'hello' })
      expect((await fetch(`${server.url}/backends/tester/`, { method: 'POST', body })).status).to.equal(200)
      // An error of another instance would be settled as UNEXPECTED.
      const settled = await until('the message is settled', () => /^.*"settled"}$/m.exec(server.stdout())?.[0])
      expect(JSON.parse(settled)).to.include({ backend: 'own', state: 'ERROR', code: 'SERVER', error: 'down' })
    } finally {
      await server.stop()
    }
  }).timeout(60_000)

  const faulty = [
    {
      what: 'a fault of its spelling',
      text: 'export default {\n  backends: {,\n}\n',
      message: /settings\.ts:2:\d+: Unexpected token$/,
    },
    {
      what: 'an error while it runs',
      text: 'const limits: { sms?: { day: number } } = {}\n\nconst day = limits.sms!.day\nexport default { day }\n',
      message: /settings\.ts:3:\d+: Cannot read properties of undefined \(reading 'day'\)$/,
    },
    {
      what: 'an error in a function of ours that it calls',
      text: "import { keyword } from 'sms-switchboard/apps'\n\nexport default { apps: [keyword('|', () => {})] }\n",
      message: /settings\.ts:3:\d+: keyword: at least one word is expected, not "\|"$/,
    },
    {
      what: 'a name that we do not export',
      text: "import { echoo } from 'sms-switchboard/apps'\nexport default { backends: {}, apps: [echoo()] }\n",
      message: /settings\.ts:2:\d+: echoo is not a function$/,
    },
    {
      what: 'a file that is not there',
      text: "import { apps } from './apps.ts'\nexport default { backends: {}, apps }\n",
      message: /settings\.ts:1:\d+: Cannot find module '\.\/apps\.ts'$/,
    },
    {
      what: 'an error in a file beside it',
      text: "import { apps } from './broken.ts'\nexport default { backends: {}, apps }\n",
      message: /broken\.ts:2:\d+: out of apps$/,
    },
    {
      what: 'something thrown that is no error',
      text: "throw 'a tantrum'\n",
      message: /settings\.ts: a tantrum$/,
    },
    {
      what: 'no default export',
      text: 'export const settings = {}\n',
      message: /settings\.ts: export default defineSettings\(\{ backends: …, apps: … \}\) is expected$/,
    },
  ]

  for (const { what, text, message } of faulty) {
    it(`tells the file and the place of ${what}, on one line`, async () => {
      write('broken.ts', "export const apps: unknown[] = []\nthrow new Error('out of apps')\n")
      const error = await rejection(loadSettings(write('settings.ts', text), await ownModules()))
      expect(error).to.be.instanceOf(SettingsError)
      expect((error as SettingsError).message)
        .to.match(message)
        .and.not.to.contain('\n')
    })
  }

  it('makes the command fail with that line', async () => {
    const file = write('settings.ts', 'export default {\n')
    const { code, stdout, stderr } = await runQuickly(['routes', '--settings', file])
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.match(/^switchboard: The settings cannot be used: .*settings\.ts:2:1: Unexpected token\n$/)
  })

  it('finds the usual file of a folder, or the one that is named', () => {
    const usual = write('settings.mjs', '')
    const named = write('other.ts', '')
    expect(findSettings(undefined, folder.path)).to.equal(usual)
    expect(findSettings('other.ts', folder.path)).to.equal(named)
    expect(() => findSettings('none.ts', folder.path)).to.throw(
      SettingsError,
      `there is no file ${folder.path}/none.ts`,
    )
    mkdirSync(join(folder.path, 'empty'))
    expect(() => findSettings(undefined, join(folder.path, 'empty'))).to.throw(
      SettingsError,
      'name one by --settings FILE',
    )
  })

  describe('.env', () => {
    const names = ['SWITCHBOARD_TEST_A', 'SWITCHBOARD_TEST_B']
    afterEach(() => {
      for (const name of names) delete process.env[name]
    })

    it('beside the file is read, under what the environment says already', () => {
      process.env['SWITCHBOARD_TEST_A'] = 'process'
      write('.env', 'SWITCHBOARD_TEST_A=file\nSWITCHBOARD_TEST_B="of the file"\n')
      readDotEnv(join(folder.path, 'settings.ts'))
      expect(names.map((name) => process.env[name])).to.deep.equal(['process', 'of the file'])
    })

    it('need not be there', () => {
      readDotEnv(join(folder.path, 'settings.ts'))
    })

    it('that cannot be read is a fault of the settings', () => {
      mkdirSync(join(folder.path, '.env'))
      expect(() => readDotEnv(join(folder.path, 'settings.ts'))).to.throw(SettingsError, `${folder.path}/.env: `)
    })

    it('is there when the settings file runs, and its variables stand over the settings', async () => {
      write('.env', 'PORT=none\nSWITCHBOARD_TEST_B=phone\n')
      const file = write(
        'settings.ts',
        `import { httptester } from 'sms-switchboard/backends'
         export default { backends: { [process.env.SWITCHBOARD_TEST_B ?? 'x y']: httptester() }, apps: [] }`,
      )
      const { code, stderr } = await runQuickly(['routes', '--settings', file])
      expect({ code, stderr }).to.deep.equal({
        code: 1,
        stderr: 'switchboard: The settings cannot be used: PORT: a number is expected\n',
      })
      const over = await runQuickly(['routes', '--settings', file], { env: { PORT: '8001' } })
      expect(over.stdout).to.contain('/backends/phone/')
    })
  })
})
