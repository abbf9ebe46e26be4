import { expect } from 'chai'
import { startProcess } from '../support/process.ts'

const SCRIPT = `
import { createRequire } from 'node:module'
import { createSwitchboard } from './src/index.ts'
import { nullBackend } from './src/backends/index.ts'
import { silentLogger } from './src/messages/logger.ts'

const files = () => Object.keys(createRequire(import.meta.url).cache)
const loaded = () => ['liquidjs', 'undici'].filter((name) => files().some((file) => file.includes('/' + name + '/')))
const settings = { backends: { nowhere: nullBackend() }, apps: [], databaseUrl: 'sqlite::memory:' }
const users = { http: { users: { ann: { role: 'sender', keys: ['$sha256$' + 'a'.repeat(43)] } } } }
const { router, parts } = createSwitchboard({ ...settings, ...users }, { env: {}, logger: silentLogger })
await parts.store.open()
await router.start()
const before = loaded()
await router.templates.save({ slug: 'a', body: 'Hello {{ name }}' })
const text = await router.templates.render('a', null, { name: 'Ann' })
console.log(JSON.stringify({ before, text, after: loaded() }))
await router.stop()
await parts.store.close()
process.exit(0)
`

describe('a switchboard that renders nothing, and asks nobody', function () {
  this.timeout(60_000)

  it('starts without Liquid and without an HTTP client', async () => {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', SCRIPT]
    const { stdout, stderr } = await startProcess(process.execPath, args).exited
    expect(stderr).to.equal('')
    expect(JSON.parse(stdout)).to.deep.equal({ before: [], text: 'Hello Ann', after: ['liquidjs'] })
  })
})
