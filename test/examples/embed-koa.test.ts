import { expect } from 'chai'
import { postForm, runExample } from '../support/example.ts'
import type { RunningServer } from '../support/process.ts'
import { until } from '../support/until.ts'

describe('the example embed-koa', function () {
  this.timeout(40_000)
  let server: RunningServer
  before(async () => {
    server = await runExample('embed-koa')
  })
  after(() => server.stop())

  it('serves its own pages', async () => {
    expect(await (await fetch(`${server.url}/`)).text()).to.equal('The shop is open.')
    expect((await fetch(`${server.url}/nothing`)).status).to.equal(404)
  })

  it('takes messages under its own prefix alone', async () => {
    const values = { phone: '1112223333', message: 'ping' }
    expect(await postForm(`${server.url}/24fb0d6963f/sms/`, values)).to.deep.equal([200, 'OK'])
    expect(await postForm(`${server.url}/24fb0d6963f/sms`, values)).to.deep.equal([200, 'OK'])
    expect((await postForm(`${server.url}/backends/gateway/`, values))[0]).to.equal(404)
    expect((await fetch(`${server.url}/24fb0d6963f/sms/`, { method: 'PUT' })).status).to.equal(405)
  })

  it('lets the middleware before it see the status', async () => {
    await postForm(`${server.url}/24fb0d6963f/sms/`, { phone: '1' })
    await until('the line', () => server.stdout().includes('POST /24fb0d6963f/sms/ 400'))
    expect(server.stdout()).to.include('POST /24fb0d6963f/sms/ 200')
  })

  it('ends by itself when it is told to', async () => {
    expect(await server.stop()).to.include({ code: 0, stderr: '' })
  })
})
