import { join } from 'node:path'
import { expect } from 'chai'
import { askConsole, enterConsole, openStream } from '../../support/console-client.ts'
import { type RunningServer, startServer } from '../../support/process.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { until } from '../../support/until.ts'

const LINK = /^Tester page, .*: (http:\S+)$/gm

function linksOf(server: RunningServer): readonly string[] {
  return [...server.stdout().matchAll(LINK)].map(([, link = '']) => link)
}

describe('the tester page of a server', function () {
  this.timeout(40_000)
  const folder = tempFolder()
  let server: RunningServer

  before(async () => {
    const env = { DATABASE_URL: `sqlite:${join(folder.path, 'test.db')}`, LOG_LEVEL: 'error' }
    server = await startServer([], { env })
  })
  after(async () => {
    await server.stop('SIGKILL')
    folder.remove()
  })

  it('is opened by a link printed below the address, and another one for each USR2', async () => {
    const [first] = await until('the link', () => linksOf(server).length === 1 && linksOf(server))
    expect(server.stdout().split('\n')[0]).to.equal(`Switchboard serves on ${server.url}/`)
    expect(server.stdout().split('\n')[1]).to.contain(first)
    expect(first).to.match(new RegExp(`^${server.url}/console/tester\\?key=[\\w-]+$`))
    server.child.kill('SIGUSR2')
    const links = await until('another link', () => linksOf(server).length === 2 && linksOf(server))
    for (const link of links) await enterConsole(link)
    for (const link of links) expect((await askConsole(link)).status).to.equal(403)
  })

  it('does not hold up a stop with its streams', async () => {
    server.child.kill('SIGUSR2')
    const link = await until('a third link', () => linksOf(server)[2])
    const cookie = await enterConsole(link)
    const stream = await openStream(`${server.url}/console/tester/events?backend=httptester`, { cookie })
    expect(stream.status).to.equal(200)
    const began = Date.now()
    const { code } = await server.stop()
    expect(code).to.equal(0)
    await stream.ended
    expect(Date.now() - began).to.be.lessThan(9_000)
  })
})
