import { expect } from 'chai'
import { echo } from '../../../src/apps/index.ts'
import { httptester } from '../../../src/backends/index.ts'
import { askConsole, enterConsole } from '../../support/console-client.ts'
import { until } from '../../support/until.ts'
import { serveWeb, type Web } from '../../support/web.ts'

describe('a number in another form than it is kept in', () => {
  let web: Web
  let headers: Readonly<Record<string, string>>

  before(async () => {
    web = await serveWeb({ backends: { tester: httptester() }, apps: [echo()], numbers: { region: 'KE' } })
    const cookie = await enterConsole(web.switchboard.testerLink(web.url))
    headers = { cookie, origin: web.url }
    await web.switchboard.router.receive('tester', { identity: '712345678', text: 'echo hello' })
  })
  after(() => web.stop())

  it('finds its conversation in messages.json', async () => {
    const messages = await until('the answer', async () => {
      const { body } = await askConsole(`${web.url}/backends/tester/messages.json?identity=0712345678`)
      const all = JSON.parse(body) as { readonly identity: string; readonly text: string }[]
      return all.length === 2 ? all : undefined
    })
    expect(messages.map(({ identity, text }) => `${identity} ${text}`)).to.deep.equal([
      '+254712345678 echo hello',
      '+254712345678 hello',
    ])
  })

  it('finds its conversation on the tester page, which tells the form it is kept in', async () => {
    const asked = `backend=tester&identity=254712345678`
    const { body } = await askConsole(`${web.url}/console/tester/messages?${asked}`, { headers })
    expect(JSON.parse(body)).to.include({ identity: '+254712345678' })
    expect((await askConsole(`${web.url}/console/tester?${asked}`, { headers })).body).to.contain(
      'data-identity="+254712345678"',
    )
  })

  it('is led to its conversation after a message is written without scripts', async () => {
    const answer = await askConsole(`${web.url}/console/tester/messages`, {
      method: 'POST',
      headers: { ...headers, accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'backend=tester&identity=0712+345+678&text=echo+again',
    })
    expect(answer.status).to.equal(303)
    expect(answer.headers.location).to.contain('identity=%2B254712345678')
  })
})
