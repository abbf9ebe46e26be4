import { expect } from 'chai'
import { testSwitchboard } from 'sms-switchboard/testing'
import { echo } from '../../examples/echo/echo.ts'
import { postForm, serveExample } from '../support/example.ts'
import { until } from '../support/until.ts'
import type { Web } from '../support/web.ts'

describe('the example echo', () => {
  let web: Web
  before(async () => {
    web = await serveExample('echo')
  })
  after(() => web.stop())

  it('answers as its README says', async () => {
    const url = `${web.url}/backends/httptester/`
    expect(await postForm(url, { identity: '1112223333', text: 'echo hello' })).to.deep.equal([200, 'OK'])
    const lines = await until('the answer', async () => {
      const answer = await fetch(`${url}messages.json?identity=1112223333`)
      const messages = (await answer.json()) as readonly { direction: string; text: string }[]
      return messages.length === 2 && messages.map(({ direction, text }) => `${direction}: ${text}`)
    })
    expect(lines).to.deep.equal(['in: echo hello', 'out: hello'])
  })

  it('has an app that answers echo and nothing else', async () => {
    const t = await testSwitchboard({ apps: [echo] })
    try {
      await t.script(`
        8005551212 > Echo two words
        8005551212 < two words
        8005551212 > echoes
        8005551212 > echo
      `)
    } finally {
      await t.stop()
    }
  })
})
