import { expect } from 'chai'
import { postForm, runExample } from '../support/example.ts'
import type { RunningServer } from '../support/process.ts'
import { ask } from '../support/proxy.ts'

describe('the example download-link', function () {
  this.timeout(40_000)
  let server: RunningServer
  before(async () => {
    server = await runExample('download-link')
  })
  after(() => server.stop())

  it('serves its page', async () => {
    expect(await (await fetch(`${server.url}/`)).text()).to.include('<form action="/message/" method="post">')
    expect((await fetch(`${server.url}/page.js`)).headers.get('content-type')).to.include('text/javascript')
    expect((await fetch(`${server.url}/server.ts`)).status).to.equal(404)
  })

  it('answers as its README says', async () => {
    const { body } = await ask(`${server.url}/message/?receiver=017612345678`)
    expect(JSON.stringify(body)).to.equal('{"status":"ok","message":"Message sent","number":"+49 176 12345678"}')
  })

  it('serves a browser without scripts too', async () => {
    const [status, body] = await postForm(`${server.url}/message/`, { receiver: '0176 12345679', website: '' })
    expect([status, body]).to.deep.equal([200, '{"status":"ok","message":"Message sent","number":"+49 176 12345679"}'])
  })

  it('ends by itself when it is told to', async () => {
    expect(await server.stop()).to.include({ code: 0, stderr: '' })
  })
})
