import { expect } from 'chai'
import { postForm, runExample } from '../support/example.ts'
import type { RunningServer } from '../support/process.ts'
import { until } from '../support/until.ts'

describe('the example embed-node-http', function () {
  this.timeout(40_000)
  let server: RunningServer
  before(async () => {
    server = await runExample('embed-node-http')
  })
  after(() => server.stop())

  it('serves its own pages', async () => {
    expect(await (await fetch(`${server.url}/`)).text()).to.equal('The shop is open.')
    const missing = await fetch(`${server.url}/nothing`)
    expect([missing.status, await missing.text()]).to.deep.equal([404, 'There is no such page.'])
  })

  it('takes messages and answers them', async () => {
    const url = `${server.url}/backends/httptester/`
    expect(await postForm(url, { identity: '1112223333', text: 'echo hello' })).to.deep.equal([200, 'OK'])
    await until('the answer', async () => {
      const answer = await fetch(`${url}messages.json?identity=1112223333`)
      const lines = (await answer.json()) as { direction: string; text: string }[]
      return lines.some(({ direction, text }) => direction === 'out' && text === 'hello')
    })
  })

  it('ends by itself when it is told to', async () => {
    expect(await server.stop()).to.include({ code: 0, stderr: '' })
  })
})
