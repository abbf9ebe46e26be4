import { expect } from 'chai'
import { postForm, serveExample } from '../support/example.ts'
import { until } from '../support/until.ts'
import type { Web } from '../support/web.ts'

describe('the example extra-field', () => {
  let web: Web
  before(async () => {
    web = await serveExample('extra-field')
  })
  after(() => web.stop())

  it('passes the extra value on to the apps', async () => {
    const url = `${web.url}/backends/extra/`
    expect(await postForm(url, { identity: '1112223333', text: 'ping', extra: 'blue' })).to.deep.equal([200, 'OK'])
    const message = await until('the message', () => web.messages[0])
    expect(message.fields).to.deep.equal({ extra: 'blue' })
    await until('the response', () => message.responses.length === 1)
    expect(message.responses[0]?.text).to.equal('ping (extra: blue)')
  })

  it('asks for it', async () => {
    const answer = await postForm(`${web.url}/backends/extra/`, { identity: '1112223333', text: 'ping' })
    expect(answer).to.deep.equal([400, '{"errors":{"extra":["is required"]}}'])
  })
})
